"""What a run shows: one HTML file and one table on the terminal. Every number is read from the run folder.

material.py   the run folder, read         findings.py  the answer: what changed, what it cost, who judged
examples.py   which answers are shown      charts.py    SVG, drawn here and now
words.py      how numbers are written      page.py      the HTML file        summary.py  the table
"""

from solon.report.page import write_report
from solon.report.summary import summarise

__all__ = ["summarise", "write_report"]

"""What people see: of a run one HTML file and one table on the terminal, of a judge its card as a page.

Every number is read from the run folder, or from the card.

material.py     the run folder, read         findings.py     the answer: what changed, what it cost
examples.py     which answers are shown      feedback.py     the judge and its labels
judging.py      what a card allows to say    gauges.py       a card against its bar
charts.py, card_charts.py, svg.py            SVG, drawn here and now
words.py        how numbers are written      environment.py  the templates, which escape everything
page.py         the report                   card.py         a judge's card
preview.py      constitutions side by side   summary.py      the table
training.py, training_curves.py, training_charts.py              what every step of training showed
"""

from solon.report.page import write_report
from solon.report.summary import summarise

__all__ = ["summarise", "write_report"]

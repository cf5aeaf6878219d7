"""Tools for those who write constitutions that ask a model.

draft.py      principles from prose             conflicts.py  principles that pull against each other
preview.py    a few prompts, side by side       qualify.py    whether a model can tell, before it is believed
passages.py, blocks.py, sentences.py, lines.py: a document cut up; words.py, check.py, outcome.py: what is kept
"""

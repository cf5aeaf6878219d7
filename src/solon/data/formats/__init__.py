"""Preference files of every kind, read and written without loss.

base.py      what a format is             known.py   all of them: hh.py, trl.py, …, one small file each
row.py       a pair, as files tell it     read.py    a file's pairs and bad rows; which format it is
names.py     ids; which reply is A        write.py   pairs to a file of another format
ends.py      which reply was cut off
carry.py     columns that come along      records.py, json_rows.py  files as records
checks.py    what a field must be         sinks.py   records as files
messages.py  conversations
"""

from solon.data.formats.read import PairFile, load_pairs, read_pairs, recognise
from solon.data.formats.row import Row
from solon.data.formats.store import row_of
from solon.data.formats.write import Written, convert, write_pairs

__all__ = [
    "PairFile",
    "Row",
    "Written",
    "convert",
    "load_pairs",
    "read_pairs",
    "recognise",
    "row_of",
    "write_pairs",
]

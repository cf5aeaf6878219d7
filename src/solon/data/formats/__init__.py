"""Files of preferences, and of single replies, of every kind: read and written without loss.

base.py      what a format is               known.py    all of them, and `register`: trl.py, sharegpt.py, kwise.py, …
row.py       a pair, as files tell it       read.py     a file's pairs and bad rows; which format it is
reply.py     one reply, as SFT and KTO have it          write.py    both to a file of another format
turns.py     conversations and prompts, by the names that files have for them
labels.py    which reply is better, in the words of labels
names.py     ids; which reply is A          carry.py    columns that come along
ends.py      which reply was cut off        checks.py   what a field must be
messages.py  lists of messages              records.py, json_rows.py, sinks.py    files as records, records as files
"""

from solon.data.formats.known import register
from solon.data.formats.read import PairFile, load_pairs, read_pairs, recognise
from solon.data.formats.reply import Reply
from solon.data.formats.row import Row
from solon.data.formats.store import row_of
from solon.data.formats.write import Written, convert, write_pairs

__all__ = [
    "PairFile",
    "Reply",
    "Row",
    "Written",
    "convert",
    "load_pairs",
    "read_pairs",
    "recognise",
    "register",
    "row_of",
    "write_pairs",
]

"""Guards against reward hacking: they watch every step of the policy, ring, and know the best step.

watch.py   the watch        rules.py        when each guard rings    gold.py    gold reward: when a fall is real
series.py  numbers by step  boilerplate.py  words that spread        alarm.py   the sentence
line.py    the progress line    facts.py        what the report shows
"""

from __future__ import annotations

from solon.training.guards.alarm import Alarm
from solon.training.guards.gold import Gold
from solon.training.guards.line import progress_line
from solon.training.guards.watch import Guards

__all__ = ["Alarm", "Gold", "Guards", "progress_line"]

"""A constitution in front of a model: an OpenAI-compatible server that critiques and revises before it answers.

app.py       the routes and error mapping        answer.py   draft → critique → revise for a conversation
protocol.py  what a request and a reply look like  source.py   the engine and constitution a command line names
access.py    who may ask: addresses, names, keys   limits.py   how large a body may be
"""

from solon.serve.access import bind
from solon.serve.app import create_app
from solon.serve.settings import ServeSettings
from solon.serve.source import Source, from_run, from_upstream

__all__ = ["ServeSettings", "Source", "bind", "create_app", "from_run", "from_upstream"]

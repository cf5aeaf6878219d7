"""What a person takes away from a finished run: models that open without Solon, and the work for other trainers.

finished.py  a finished run, read          base.py    the model that the run started from, as others know it
weights.py   adapters and merged weights   card.py    the model card      card_parts.py, markdown.py  its pieces
publish.py   whole folders or none         hub.py     to the Hugging Face Hub
launchers/   data, settings and commands for OpenRLHF and verl; names.json: the names they were checked against
"""

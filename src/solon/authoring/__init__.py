"""Tools for those who write constitutions that ask a model: draft from prose, find conflicts, preview."""

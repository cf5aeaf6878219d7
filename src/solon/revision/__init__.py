"""Critique and revision: the supervised phase's data (CAI paper, section 3)."""

from solon.revision.chain import ChainSettings, draft, first_response, opened, revise

__all__ = ["ChainSettings", "draft", "first_response", "opened", "revise"]

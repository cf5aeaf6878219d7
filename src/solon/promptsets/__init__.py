"""Sets of prompts, measured and made: what they hold, whether style gives a kind away, and twins of each prompt."""

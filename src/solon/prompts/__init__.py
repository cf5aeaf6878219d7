"""Every word Solon says to a model: templates filled in one pass, exemplars, verdict wording.

fence.py      marks off text that is quoted, never obeyed      chain.py   critique and revision requests
exemplars.py  human-readable demonstrations from library/      compare.py what a judge is asked
"""

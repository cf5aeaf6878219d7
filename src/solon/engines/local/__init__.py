"""Weights in this process. Imports torch; nothing above imports it before a model is needed.

source.py   which files a model name means, refused or hashed   decode.py    batched sampling, prefix shared
model.py    the weights, tokenizer and adapters, once           logprobs.py  log-probabilities of chosen tokens
"""

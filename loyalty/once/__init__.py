"""The idempotency contract: the same key with the same input has one effect and one answer.

answers.py   `answered`: run an operation once per key, and tell the stored answer again
models.py    the stored answers and refusals
"""

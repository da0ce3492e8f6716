"""Who did what, when and why. Rows are never changed; each carries the hash of the one before it.

trail.py    `record`: write a row in the transaction of the change; `page`: read the trail
models.py   the rows
"""

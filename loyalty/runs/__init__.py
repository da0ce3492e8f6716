"""Which job ran for which period. A (job, period) is claimed once, whoever ticks.

claims.py   `claim`, `finish`, `recent`
models.py   the rows
"""

"""Attempts, counted in PostgreSQL so that they survive restarts and hold across machines.

attempts.py   `attempt`: count one more, or refuse
models.py     the counters
"""

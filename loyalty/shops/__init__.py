"""Sales channels: currency, language, time zone, country, return window.

catalogue.py   shops by code, id and publishable key; opening the first one
days.py        days, months and ends of them in a shop's zone
models.py      the rows
"""

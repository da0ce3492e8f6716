"""What was bought and returned: facts, never rules.

orders.py     reading orders; checking what a caller says was bought
receipts.py   codes of orders that belong to nobody yet
models.py     the rows
"""

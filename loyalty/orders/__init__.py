"""What was bought and returned: facts, never rules.

asked.py      what a caller says was bought or returned, and what cannot be true of it
shares.py     what each line carries of the order's discount and tax
orders.py     orders and their lines: written together, read together
receipts.py   codes of orders that belong to nobody yet
models.py     the rows
"""

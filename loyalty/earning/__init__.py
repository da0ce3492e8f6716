"""The events from which units follow.

rules.py       points for a purchase: pure
purchases.py   record orders
returns.py     record returns and cancellations, before or after their order
receipts.py    claim an order that belongs to nobody yet
enrolment.py   become a member
quote.py       what a basket would earn
"""

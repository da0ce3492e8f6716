"""Units: who has how many, and why. Entries are immutable; corrections are new entries.

posting.py        the only writer: postings in, one result each, in one round trip
posting.sql       the machine behind it: one set-based function
model.py          the same machine in plain Python, written from docs/ledger.md: the oracle
model_state.py    what the model knows: wallets, lots, entries
replay.py         stored entries through the model
verification.py   replay from zero and name the first difference
balances.py       what stands: wallets, lots by expiry, entries
adjustment.py     corrections by hand, four eyes
adjustments.py    corrections as they stand
goodwill.py       how much a person may give away in a month
units.py          which units there are
expiry.py         due lots, in chunks
release.py        pending lots whose date has come
watching.py       news of balances, for those who watch them
outstanding.py    units owed to customers, by expiry
models.py         the rows
"""

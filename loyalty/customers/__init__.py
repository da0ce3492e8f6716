"""People who buy, and how they are found.

profile.py       name, birthday, language; what may be changed and how often
identifiers.py   e-mail, phone, card, barcode, shop id, member number: normalised, unique per kind
lookup.py        one customer by any identifier; search by prefix; names folded for search
sign_in.py       sign-in links and the tokens they are exchanged for
models.py        the rows
"""

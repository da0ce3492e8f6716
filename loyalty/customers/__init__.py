"""People who buy, and how they are found.

identifiers.py    e-mail, phone, card, barcode, shop id, member number: normalised, unique per kind
lookup.py         customers by id and by any identifier; those who were merged into one
search.py         search by prefix and last digits, page by page
folding.py        names and identifiers without case and accents, in words
registration.py   new customers with their identifiers and member numbers, one or hundreds
profile.py        name, birthday, language, addresses; what may be changed and how often
details.py        what can be a name, a language, a birthday
sign_in.py        sign-in links and the tokens they are exchanged for
models.py         the rows
"""

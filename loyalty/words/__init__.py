"""The product's texts in its five languages, and how people write dates, money and numbers.

languages.py      the five languages; which one a reader gets
wording.py        a text by its key; refusals in words
explanations.py   why an entry stands in the ledger, in words; where a balance comes from
receipts.py       the lines of the printed receipt
terms.py          what a programme promises, in words
units.py          "1 point", "2 points": an amount of a unit with its name
dates.py          days, moments and lengths of time
money.py          money, numbers and quantities
catalogues/       the texts: one gettext file per language, keys instead of English sentences
"""

"""The rules of Regulars, one folder per concept, from the ground up.

ground      refusals, words, clock, amounts, access, tables, transactions, once, throttles, work
audit       who did what, when and why
staff       people who work here: roles, sessions, API keys
runs        which job ran for which period
shops       sales channels: currency, language, time zone, return window
customers   profiles, identifiers and how a customer is found
orders      what was bought and returned: facts
ledger      units: who has how many, and why
programme   what is promised: a document with versions
rewards     what units buy: catalogue and redemption
earning     recording orders, returns, enrolment: the events from which units follow
privacy     merging customers
"""

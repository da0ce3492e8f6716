"""The people and programs that work with the shop's data.

people.py        staff: invitation, roles, passwords, disabling
sessions.py      a signed-in person: random token, idle and absolute limits, revocation
keys.py          API keys and personal tokens: created once, shown once, revoked
models.py        their rows
"""

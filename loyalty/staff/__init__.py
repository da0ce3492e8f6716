"""The people and programs that work with the shop's data.

people.py          staff: who they are, adding them, finding them
roles.py           changing what somebody may do: roles, disabling, signing everyone out
invitations.py     the link with which somebody sets a first password
passwords.py       what a password must be; hashing, off the event loop
second_factor.py   codes from an authenticator app, each used once
tries.py           how often a password may be tried
sessions.py        a signed-in person: random token, idle and absolute limits, revocation
keys.py            API keys and personal tokens: created once, shown once, revoked
tokens.py          random secrets, kept as hashes
models.py          their rows
"""

"""What units buy.

catalogue.py      the rewards of the programme version that holds
redemption.py     redeem; reserve, capture, void; reservations whose time is up
entitlements.py   rewards somebody holds: written, told, looked up
models.py         their rows
"""

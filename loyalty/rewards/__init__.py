"""What units buy.

catalogue.py    the rewards of the programme version that holds
redemption.py   redeem; reserve, capture, void
models.py       entitlements: rewards somebody holds
"""

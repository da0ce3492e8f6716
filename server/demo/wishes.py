"""What the demo's people redeem: a third of them, with their first purchase of every third month."""

REWARDS = ("5-off", "10-off", "5-off", "25-off", "free-delivery")
REDEEMERS = 3
EVERY_MONTHS = 3


def wish(household_id: int, year: int, month: int) -> str | None:
    """Return the reward a household asks for in this month, or None. Whether it can pay for it is another matter."""
    if household_id % REDEEMERS or (household_id // REDEEMERS + month) % EVERY_MONTHS:
        return None
    return REWARDS[(household_id // REDEEMERS + year * 12 + month) % len(REWARDS)]

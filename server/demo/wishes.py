"""What the demo's people redeem: a quarter of them, with their first purchase of every third month."""

REWARDS = ("5-off", "free-delivery", "5-off", "10-off", "5-off", "free-delivery", "10-off", "25-off")
REDEEMERS = 4
EVERY_MONTHS = 3


def wish(household_id: int, year: int, month: int) -> str | None:
    """Return the reward a household asks for in this month, or None. Whether it can pay for it is another matter."""
    place, others = divmod(household_id, REDEEMERS)
    if others or (place + month) % EVERY_MONTHS:
        return None
    return REWARDS[(place + (year * 12 + month) // EVERY_MONTHS) % len(REWARDS)]

"""Shops for tests."""

from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from typing import Any

from loyalty.access import Actor
from loyalty.shops.catalogue import NewShop, ShopFacts, open_shop

OPENED_AT = datetime(2025, 1, 1, tzinfo=UTC)

_numbers = count(1)
_ESTONIAN = NewShop(
    code="", name="Corner shop", currency="EUR", time_zone="Europe/Tallinn", language="en", country="EE"
)


async def a_shop(*, now: datetime = OPENED_AT, **changes: Any) -> ShopFacts:
    """Open a shop in Estonia with a code of its own, or with what `changes` say, and return it."""
    new = replace(_ESTONIAN, **{"code": f"shop-{next(_numbers)}", **changes})
    return await open_shop(new, actor=Actor.system("tests"), now=now)

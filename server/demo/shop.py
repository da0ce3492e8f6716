"""Harvest Grocers: the demo's shop, and what its programme promises (programme.json)."""

from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from zoneinfo import ZoneInfo

from loyalty.access import Actor
from loyalty.programme import versions
from loyalty.refusals import NotFound
from loyalty.shops.catalogue import NewShop, ShopFacts, open_shop, shop_by_code
from server.demo.shifting import shifted, weeks_to_shift

DEMO = Actor.system("demo")
HARVEST = NewShop(
    code="harvest",
    name="Harvest Grocers",
    currency="USD",
    time_zone="America/New_York",
    language="en",
    country="US",
    programme="harvest",
)
PROGRAMME_FILE = Path(__file__).with_name("programme.json")
FIRST_DAY = date(2017, 1, 1)
"""The first day of the data. The programme holds from that day, shifted; so its date says by how many weeks."""


@dataclass(frozen=True)
class DemoShop:
    """The open shop, and by how many weeks its customers' year is moved."""

    facts: ShopFacts
    weeks: int


async def opened_shop(*, last_at: datetime, now: datetime) -> DemoShop:
    """Return the demo's shop, opened with its programme if it is not there yet.

    The first opening decides by how many weeks the data is moved; later ones keep to it, on whatever day they come,
    so that a load that was interrupted goes on as it began.
    """
    try:
        shop = await shop_by_code(HARVEST.code)
    except NotFound:
        shop = await open_shop(HARVEST, actor=DEMO, now=now)
    weeks = await _weeks_kept(shop)
    if weeks is None:
        weeks = await _published(shop, last_at=last_at, now=now)
    return DemoShop(shop, weeks)


async def _weeks_kept(shop: ShopFacts) -> int | None:
    """Return by how many weeks the demo's data is moved, or None before its programme is published."""
    first = await versions.versions(DEMO, shop.programme, limit=1, before=2)
    if not first:
        return None
    return (first[0].effective_at.astimezone(ZoneInfo(shop.time_zone)).date() - FIRST_DAY).days // 7


async def _published(shop: ShopFacts, *, last_at: datetime, now: datetime) -> int:
    zone = ZoneInfo(shop.time_zone)
    weeks = weeks_to_shift(last_at, time_zone=shop.time_zone, now=now)
    effective_at = shifted(datetime.combine(FIRST_DAY, time(), zone), weeks=weeks, time_zone=shop.time_zone)
    document = PROGRAMME_FILE.read_text(encoding="utf-8")
    await versions.publish(DEMO, shop.programme, document, effective_at=effective_at, now=now)
    return weeks

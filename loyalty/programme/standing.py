"""What stands in a shop at a moment: the shop and the programme version that holds in it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from loyalty.programme.versions import VersionFacts, version_at
from loyalty.shops.catalogue import ShopFacts, shops_by_id


@dataclass(frozen=True, slots=True)
class Standing:
    """A shop and the version that holds in it."""

    shop: ShopFacts
    version: VersionFacts


async def standing_in(shop_ids: Iterable[UUID], *, now: datetime) -> dict[UUID, Standing]:
    """Return what stands in each of these shops; unknown shops are left out.

    Raises:
        NotFound: a shop's programme has no version that holds.
    """
    shops = await shops_by_id(shop_ids)
    return {shop.id: Standing(shop, await version_at(shop.programme, now)) for shop in shops.values()}

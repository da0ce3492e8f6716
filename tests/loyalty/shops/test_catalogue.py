"""Opening shops and asking for them."""

import asyncio
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from loyalty.access import Actor, NotPermitted, Permission
from loyalty.identity import new_id
from loyalty.refusals import Invalid, NotFound
from loyalty.shops import catalogue
from loyalty.shops.catalogue import NewShop, ShopCodeTaken, open_first_shop, open_shop
from loyalty.shops.models import Shop
from tests.support.customers import everybody
from tests.support.shops import a_shop

GROCERS = NewShop(
    code="grocers",
    name="Harvest Grocers",
    currency="USD",
    time_zone="America/New_York",
    language="en",
    country="US",
    allowed_origins=("https://shop.example.com",),
)


async def test_a_fresh_installation_has_the_shop_default(database: str, now: datetime) -> None:
    shop = await open_first_shop(now=now)

    assert (shop.code, shop.currency, shop.time_zone) == ("default", "EUR", "Europe/Tallinn")
    assert (shop.language, shop.country, shop.programme) == ("en", "EE", "default")
    assert shop.enrols_automatically is True


async def test_the_first_shop_is_opened_once(database: str, now: datetime) -> None:
    opened = await asyncio.gather(*(open_first_shop(now=now) for _ in range(5)))

    assert len({shop.id for shop in opened}) == 1
    assert await Shop.all().count() == 1


async def test_a_shop_is_found_by_code_id_and_publishable_key(database: str, now: datetime) -> None:
    other = await a_shop()
    shop = await open_shop(GROCERS, actor=Actor.system("tests"), now=now)

    assert await catalogue.shop_by_code("grocers") == shop
    assert await catalogue.shop_by_id(shop.id) == shop
    assert await catalogue.shop_by_publishable_key(shop.publishable_key) == shop
    assert await catalogue.shops_by_id([shop.id, other.id, new_id(now)]) == {shop.id: shop, other.id: other}
    assert await catalogue.all_shops() == [other, shop]


async def test_a_shop_nobody_opened_is_not_found(database: str, now: datetime) -> None:
    await a_shop()

    for question in (
        catalogue.shop_by_code("nowhere"),
        catalogue.shop_by_id(new_id(now)),
        catalogue.shop_by_publishable_key("reg_pk_nothing"),
        catalogue.shop_secrets(new_id(now)),
    ):
        with pytest.raises(NotFound) as refused:
            await question
        assert refused.value.facts == {"what": "shop"}


async def test_every_shop_has_keys_of_its_own_and_shows_no_secrets(database: str) -> None:
    one, two = await a_shop(), await a_shop()

    secrets = [await catalogue.shop_secrets(shop.id) for shop in (one, two)]

    assert one.publishable_key.startswith("reg_pk_")
    assert one.publishable_key != two.publishable_key
    assert secrets[0].token_secret != secrets[1].token_secret
    assert len(secrets[0].receipt_secret) == 32
    assert repr(secrets[0]) == "ShopSecrets()"


async def test_a_code_is_given_once(database: str, now: datetime) -> None:
    await open_shop(GROCERS, actor=Actor.system("tests"), now=now)

    with pytest.raises(ShopCodeTaken):
        await open_shop(replace(GROCERS, name="Another"), actor=Actor.system("tests"), now=now)

    assert [shop.name for shop in await Shop.all()] == ["Harvest Grocers"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("code", "Two Words"),
        ("code", ""),
        ("name", " "),
        ("name", "a\x00b"),
        ("currency", "EURO"),
        ("currency", "XQQ"),
        ("time_zone", "Europe/Atlantis"),
        ("language", "de"),
        ("country", "ZZZ"),
        ("country", "ee"),
        ("return_window_days", -1),
        ("claim_window_days", 100_000),
        ("goodwill_limit_points", -1),
        ("goodwill_budget_points", 10**16),
    ],
)
async def test_a_shop_needs_values_that_exist(database: str, now: datetime, field: str, value: Any) -> None:
    with pytest.raises(Invalid) as refused:
        await open_shop(replace(GROCERS, **{field: value}), actor=Actor.system("tests"), now=now)

    assert refused.value.facts["field"] == field
    assert await Shop.all().count() == 0


async def test_only_who_manages_shops_opens_one(database: str, now: datetime) -> None:
    allowed = {"admin", "job"}

    for name, actor in everybody(new_id(now)).items():
        assert (Permission.SHOPS_MANAGE in actor.permissions) is (name in allowed)
        if name not in allowed:
            with pytest.raises(NotPermitted):
                await open_shop(GROCERS, actor=actor, now=now)

    assert await Shop.all().count() == 0


async def test_a_change_is_seen_as_soon_as_it_is_said(database: str) -> None:
    shop = await a_shop(name="Before")
    await catalogue.shop_by_id(shop.id)

    await Shop.filter(id=shop.id).update(name="After")
    remembered = await catalogue.shop_by_id(shop.id)
    catalogue.forget_shops()

    assert remembered.name == "Before"
    assert (await catalogue.shop_by_id(shop.id)).name == "After"

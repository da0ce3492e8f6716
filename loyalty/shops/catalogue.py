"""Shops by code, id and publishable key; opening one.

Shops are few and are asked for at every request, so each process remembers them for a few seconds.
"""

import re
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from functools import cache
from uuid import UUID
from zoneinfo import available_timezones

from babel import Locale
from tortoise.exceptions import IntegrityError

from loyalty import transactions
from loyalty.access import Actor, Permission, require
from loyalty.amounts import POINTS_PER_ENTRY_MAX, POINTS_PER_WALLET_MAX, known_currencies
from loyalty.identity import new_id
from loyalty.refusals import Invalid, NotFound, Refusal
from loyalty.shops.models import Shop
from loyalty.words.languages import LANGUAGES

REMEMBERED_SECONDS = 10.0
FIRST_SHOP = "default"
NAME_LENGTH_MAX = 200
WINDOW_DAYS_MAX = 3_660


class ShopCodeTaken(Refusal):
    """Another shop has this code."""

    code = "SHOP_CODE_TAKEN"
    stored = False

    def __init__(self, *, shop_code: str) -> None:
        super().__init__(shop_code=shop_code)


@dataclass(frozen=True, kw_only=True)
class NewShop:
    """A shop that is about to open.

    `code` is a short name in lower case; `currency` an ISO 4217 code, `time_zone` an IANA name, `country` two letters
    of ISO 3166, `language` one of the product's; `programme` is the code of the programme its customers collect in.
    """

    code: str
    name: str
    currency: str
    time_zone: str
    language: str
    country: str
    programme: str = "default"
    enrols_automatically: bool = True
    return_window_days: int = 30
    claim_window_days: int = 30
    goodwill_limit_points: int = 1_000
    goodwill_budget_points: int = 10_000
    allowed_origins: tuple[str, ...] = ()


@dataclass(frozen=True)
class ShopFacts:
    """What rules and edges need to know of a shop. Windows in days, goodwill in the unit's smallest part."""

    id: UUID
    code: str
    name: str
    currency: str
    time_zone: str
    language: str
    country: str
    programme: str
    enrols_automatically: bool
    return_window_days: int
    claim_window_days: int
    goodwill_limit_points: int
    goodwill_budget_points: int
    publishable_key: str
    allowed_origins: tuple[str, ...]


@dataclass(frozen=True)
class ShopSecrets:
    """What proves that something comes from the shop. Never shown, never logged."""

    token_secret: str = field(repr=False)
    receipt_secret: bytes = field(repr=False)


@dataclass
class _Remembered:
    """The shops as they were read, and until when that is believed (in the process's own monotonic seconds)."""

    shops: dict[UUID, tuple[ShopFacts, ShopSecrets]] = field(default_factory=dict)
    until_seconds: float = 0.0


_remembered = _Remembered()


def forget_shops() -> None:
    """Make this process read the shops again at the next question. Whoever changes a shop says so here."""
    _remembered.until_seconds = 0.0


async def shop_by_code(code: str) -> ShopFacts:
    """Return the shop with this code.

    Raises:
        NotFound: there is none.
    """
    return await _the_shop(lambda shop: shop.code == code)


async def shop_by_id(shop_id: UUID) -> ShopFacts:
    """Return the shop with this id.

    Raises:
        NotFound: there is none.
    """
    return await _the_shop(lambda shop: shop.id == shop_id)


async def shop_by_publishable_key(publishable_key: str) -> ShopFacts:
    """Return the shop a front end names in `X-Shop-Key`.

    Raises:
        NotFound: there is none.
    """
    return await _the_shop(lambda shop: shop.publishable_key == publishable_key)


async def shops_by_id(shop_ids: Iterable[UUID]) -> dict[UUID, ShopFacts]:
    """Return the shops with these ids, by id; those that do not exist are left out."""
    known = await _shops()
    return {shop_id: known[shop_id][0] for shop_id in shop_ids if shop_id in known}


async def all_shops() -> list[ShopFacts]:
    """Return every shop, the oldest first."""
    return [shop for shop, _ in (await _shops()).values()]


async def shop_secrets(shop_id: UUID) -> ShopSecrets:
    """Return the secrets by which the shop's tokens and receipt codes are checked.

    Raises:
        NotFound: there is no such shop.
    """
    known = await _shops()
    if shop_id not in known:
        raise NotFound(what="shop")
    return known[shop_id][1]


async def open_first_shop(*, now: datetime) -> ShopFacts:
    """Return the shop `default` of a fresh installation, opened now if it is not there yet."""
    first = NewShop(
        code=FIRST_SHOP, name="Default shop", currency="EUR", time_zone="Europe/Tallinn", language="en", country="EE"
    )
    try:
        return await open_shop(first, actor=Actor.system("first-start"), now=now)
    except ShopCodeTaken:
        return await shop_by_code(FIRST_SHOP)


async def open_shop(new: NewShop, *, actor: Actor, now: datetime) -> ShopFacts:
    """Open a shop, with a publishable key and secrets of its own.

    Raises:
        NotPermitted: the actor may not manage shops.
        Invalid: a value is none of its kind; `field` names it.
        ShopCodeTaken: another shop has the code.
    """
    require(actor, Permission.SHOPS_MANAGE)
    _check(new)
    forget_shops()
    if any(shop.code == new.code for shop in await all_shops()):
        raise ShopCodeTaken(shop_code=new.code)
    try:
        opened = await Shop.create(
            **{**asdict(new), "name": new.name.strip(), "allowed_origins": list(new.allowed_origins)},
            id=new_id(now),
            publishable_key=f"reg_pk_{secrets.token_urlsafe(24)}",
            token_secret=secrets.token_urlsafe(48),
            receipt_secret=secrets.token_bytes(32),
            created_at=now,
        )
    except IntegrityError as error:
        if transactions.violated_constraint(error) == "shop_code":
            raise ShopCodeTaken(shop_code=new.code) from error
        raise
    finally:
        forget_shops()
    return _facts(opened)


def _check(new: NewShop) -> None:
    checks = {
        # A shop is the issuer of its customers' tokens; `regulars` is the issuer of ours.
        "code": re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,49}", new.code) is not None and new.code != "regulars",
        "name": 1 <= len(new.name.strip()) <= NAME_LENGTH_MAX and new.name.isprintable(),
        "currency": new.currency in known_currencies(),
        "time_zone": new.time_zone in available_timezones(),
        "language": new.language in LANGUAGES,
        "country": new.country in _countries(),
        "return_window_days": 0 <= new.return_window_days <= WINDOW_DAYS_MAX,
        "claim_window_days": 0 <= new.claim_window_days <= WINDOW_DAYS_MAX,
        "goodwill_limit_points": 0 <= new.goodwill_limit_points <= POINTS_PER_ENTRY_MAX,
        "goodwill_budget_points": 0 <= new.goodwill_budget_points <= POINTS_PER_WALLET_MAX,
    }
    for name, good in checks.items():
        if not good:
            raise Invalid(field=name)


@cache
def _countries() -> frozenset[str]:
    """Return the two-letter territories that CLDR knows."""
    codes = (str(code) for code in Locale("en").territories)
    return frozenset(code for code in codes if len(code) == 2 and code.isalpha())


async def _the_shop(is_meant: Callable[[ShopFacts], bool]) -> ShopFacts:
    for shop, _ in (await _shops()).values():
        if is_meant(shop):
            return shop
    raise NotFound(what="shop")


async def _shops() -> dict[UUID, tuple[ShopFacts, ShopSecrets]]:
    if time.monotonic() >= _remembered.until_seconds:
        shops = await Shop.all().order_by("created_at", "id")
        _remembered.shops = {shop.id: (_facts(shop), _secrets(shop)) for shop in shops}
        _remembered.until_seconds = time.monotonic() + REMEMBERED_SECONDS
    return _remembered.shops


def _facts(shop: Shop) -> ShopFacts:
    values = {name.name: getattr(shop, name.name) for name in fields(ShopFacts)}
    return ShopFacts(**{**values, "allowed_origins": tuple(shop.allowed_origins)})


def _secrets(shop: Shop) -> ShopSecrets:
    return ShopSecrets(token_secret=shop.token_secret, receipt_secret=bytes(shop.receipt_secret))

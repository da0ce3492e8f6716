"""The programme of a fresh installation, and of the demo: small, and whole."""

from datetime import UTC, datetime

from loyalty.access import Actor
from loyalty.amounts import currency_decimals
from loyalty.programme.document import (
    AmountOff,
    ExpiresAfter,
    FreeShipping,
    Localized,
    NotPending,
    Programme,
    PurchaseRule,
    Rate,
    Unit,
)
from loyalty.programme.versions import VersionFacts, add_version, changed, newest_number, version_at
from loyalty.shops.days import CalendarPeriod

SINCE_EVER = datetime(1970, 1, 1, tzinfo=UTC)
"""No order is older, so that whatever a shop records from its past earns under its first programme."""


def first_programme(currency: str) -> Programme:
    """Return the first programme of a shop that sells in `currency`.

    One point for each full 1.00 of an order's base, whatever its currency, rounded down per order, available at once.
    Points expire 12 months after they are earned, at the end of that month. 500 points take 5.00 off, 200 pay for
    the shipping. A return may leave points owed.
    """
    return Programme(
        format=1,
        name=Localized(
            en="Loyalty programme",
            nb="Fordelsprogram",
            sv="Bonusprogram",
            pl="Program lojalnościowy",
            et="Püsikliendiprogramm",
        ),
        units=(Unit(code="points", name=Localized(en="points", nb="poeng", sv="poäng", pl="punkty", et="punktid")),),
        earn=(
            PurchaseRule(
                id="purchase", kind="purchase", unit="points", rates=(Rate(currency=None, points=1, per_amount="1.00"),)
            ),
        ),
        pending=NotPending(kind="none"),
        expiry=ExpiresAfter(kind="after", months=12, round_to=CalendarPeriod.MONTH),
        owing_allowed=True,
        rewards=(_five_off(currency), _free_shipping()),
    )


async def publish_first(programme: str, *, currency: str, now: datetime) -> VersionFacts:
    """Publish the first programme under this code, to hold since ever, unless the programme has a version already.

    Returns the version that holds now. Run again, it changes nothing.
    """
    return await publish_if_new(programme, first_programme(currency), now=now)


async def publish_if_new(programme: str, document: Programme, *, now: datetime) -> VersionFacts:
    """Publish a document as the programme's first version, to hold since ever, unless it has a version already.

    Returns the version that holds now.
    """

    async def effects() -> VersionFacts:
        if await newest_number(programme):
            return await version_at(programme, now)
        return await add_version(Actor.system("first-start"), programme, document, 1, SINCE_EVER, now)

    return await changed(effects)


def _five_off(currency: str) -> AmountOff:
    return AmountOff(
        id="5-off",
        kind="amount_off",
        name=Localized(en="5.00 off", nb="5,00 i rabatt", sv="5,00 i rabatt", pl="5,00 rabatu", et="5,00 allahindlust"),
        unit="points",
        points=500,
        amount_minor=5 * 10 ** currency_decimals(currency),
        currency=currency,
    )


def _free_shipping() -> FreeShipping:
    return FreeShipping(
        id="free-shipping",
        kind="free_shipping",
        name=Localized(
            en="Free shipping", nb="Gratis frakt", sv="Fri frakt", pl="Darmowa dostawa", et="Tasuta kohaletoimetamine"
        ),
        unit="points",
        points=200,
    )

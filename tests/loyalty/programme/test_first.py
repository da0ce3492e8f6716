"""The programme of a fresh installation."""

from datetime import UTC, datetime

import pytest

from loyalty import transactions
from loyalty.earning.rules import LineFacts, PurchaseFacts, earned_for_purchase
from loyalty.programme.document import AmountOff, FreeShipping
from loyalty.programme.first import first_programme, publish_first
from loyalty.programme.versions import version_at


def test_a_purchase_earns_a_point_per_full_main_unit_for_twelve_months_to_the_months_end() -> None:
    placed_at = datetime(2026, 3, 2, 12, tzinfo=UTC)
    purchase = PurchaseFacts("1", "EUR", placed_at, (LineFacts(1, 19_99),))

    [earned] = earned_for_purchase(first_programme("EUR"), purchase, "Europe/Tallinn", version=1)

    assert (earned.unit, earned.points, earned.available_at, earned.awaits) == ("points", 19, None, None)
    # 1 April 2027, 00:00 in Tallinn.
    assert earned.expires_at == datetime(2027, 3, 31, 21, tzinfo=UTC)


def test_five_off_costs_500_points_and_free_shipping_200() -> None:
    five_off, shipping = first_programme("EUR").rewards

    assert isinstance(five_off, AmountOff)
    assert (five_off.name.en, five_off.points, five_off.amount_minor, five_off.currency) == (
        "5.00 off",
        500,
        500,
        "EUR",
    )
    assert isinstance(shipping, FreeShipping)
    assert (shipping.name.en, shipping.points) == ("Free shipping", 200)


def test_a_return_may_leave_points_owed() -> None:
    assert first_programme("EUR").owing_allowed


@pytest.mark.usefixtures("database")
async def test_it_is_published_once_and_holds_since_ever(now: datetime) -> None:
    first = await publish_first("default", currency="EUR", now=now)
    again = await publish_first("default", currency="USD", now=now)

    assert again == first
    assert await version_at("default", datetime(1970, 1, 1, tzinfo=UTC)) == first
    assert await transactions.value("SELECT count(*) FROM programme_version") == 1

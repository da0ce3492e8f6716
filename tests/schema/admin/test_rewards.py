"""Redeeming for a customer at the till, and what the programme promises."""

from datetime import timedelta
from typing import Any

from schema.identifiers import encoded
from tests.support.api import CLOCK, Api
from tests.support.customers import a_customer
from tests.support.world import done

RESERVED = "... on RewardReserved { reservationId entry { kind points } entitlement { id state reservedUntil } }"
CAPTURED = "... on ReservationCaptured { replayed entry { kind points } entitlement { state closedAt } }"


async def somebody(api: Api, balance_points: int = 700) -> dict[str, Any]:
    """Return the part of an input that says whose units are meant."""
    row = await a_customer(shop=api.shop, balance_points=balance_points)
    return {"customerId": encoded("Customer", row.id)}


async def test_a_till_redeems_for_a_customer(api: Api) -> None:
    whom = await somebody(api)

    told = await done(
        api.till,
        "redeemReward",
        {"idempotencyKey": "k", "rewardId": "5-off", **whom},
        "... on RewardRedeemed { replayed entry { points balanceAfterPoints } entitlement { rewardName state } }",
    )

    assert told == {
        "__typename": "RewardRedeemed",
        "replayed": False,
        "entry": {"points": -500, "balanceAfterPoints": 200},
        "entitlement": {"rewardName": "5.00 off", "state": "ISSUED"},
    }


async def test_a_checkout_reserves_and_captures(api: Api) -> None:
    whom = await somebody(api)

    reserved = await done(api.till, "reserveReward", {"idempotencyKey": "k", "rewardId": "5-off", **whom}, RESERVED)
    held = {"reservationId": reserved["reservationId"]}
    captured = await done(api.till, "captureReservation", {"idempotencyKey": "c", **held}, CAPTURED)
    late = await done(api.till, "voidReservation", {"idempotencyKey": "v", **held})

    assert reserved["entry"] == {"kind": "RESERVE", "points": -500}
    assert captured["entry"]["kind"] == "CAPTURE"
    assert captured["entitlement"] == {"state": "USED", "closedAt": "2026-03-02T12:00:00+00:00"}
    assert late["__typename"] == "ReservationNotOpen"
    assert await wallet(api, whom) == {"availablePoints": 200, "reservedPoints": 0, "lifetimeRedeemedPoints": 500}


async def test_a_checkout_that_takes_too_long_captures_nothing(api: Api) -> None:
    whom = await somebody(api)
    reserved = await done(api.till, "reserveReward", {"idempotencyKey": "k", "rewardId": "5-off", **whom}, RESERVED)

    CLOCK.advance(timedelta(minutes=30))
    told = await done(
        api.till, "captureReservation", {"idempotencyKey": "c", "reservationId": reserved["reservationId"]}
    )

    assert reserved["entitlement"]["reservedUntil"] == "2026-03-02T12:30:00+00:00"
    assert told["__typename"] == "ReservationExpired"


async def wallet(api: Api, whom: dict[str, Any]) -> Any:
    """Return the customer's wallet."""
    told = await api.till(
        "query($id: ID!) { customer(id: $id) { wallet { availablePoints reservedPoints lifetimeRedeemedPoints } } }",
        id=whom["customerId"],
    )
    return told["customer"]["wallet"]


async def test_what_a_customer_holds_is_shown_with_its_states(api: Api) -> None:
    whom = await somebody(api, 2_000)
    for name in ("5-off", "free-shipping"):
        await done(api.till, "redeemReward", {"idempotencyKey": name, "rewardId": name, **whom})
        CLOCK.advance(timedelta(minutes=1))

    told = await api.till(
        "query($id: ID!) { customer(id: $id) { entitlements(first: 5) { totalCount nodes { rewardId state } } } }",
        id=whom["customerId"],
    )

    assert told["customer"]["entitlements"] == {
        "totalCount": 2,
        "nodes": [{"rewardId": "free-shipping", "state": "ISSUED"}, {"rewardId": "5-off", "state": "ISSUED"}],
    }


async def test_staff_read_the_terms_as_members_do(api: Api) -> None:
    told = await api.till('{ programme(locale: "et") { name version } rewards(first: 5) { nodes { id } totalCount } }')

    assert told == {
        "programme": {"name": "Püsikliendiprogramm", "version": 1},
        "rewards": {"nodes": [{"id": "5-off"}, {"id": "free-shipping"}], "totalCount": 2},
    }

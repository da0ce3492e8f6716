"""Paying with units, and holding them for a checkout."""

from datetime import timedelta

from schema.identifiers import taken_apart
from tests.support.api import CLOCK, Api, a_line, an_order, by_email
from tests.support.customers import a_customer
from tests.support.world import done

WALLET = "{ me { wallet { availablePoints reservedPoints lifetimeRedeemedPoints } } }"
HELD = """
{
  me { entitlements(first: 9) { totalCount nodes {
    rewardId rewardName kind state unit points amount { amount currency } issuedAt expiresAt closedAt
    reservationId reservedUntil
  } } }
}
"""
REDEEMED = """
... on RewardRedeemed { replayed entry { kind points balanceAfterPoints explanation } entitlement { id state } }
"""
RESERVED = "... on RewardReserved { replayed reservationId entry { kind points } entitlement { state reservedUntil } }"


async def test_a_reward_is_paid_for_and_held(api: Api) -> None:
    mari, _ = await api.member(balance_points=700)

    told = await done(mari, "redeemReward", {"idempotencyKey": "k", "rewardId": "5-off"}, REDEEMED)

    assert told["entry"] == {
        "kind": "REDEEM",
        "points": -500,
        "balanceAfterPoints": 200,
        "explanation": "500 points used for “5.00 off”.",
    }
    assert (told["replayed"], told["entitlement"]["state"]) == (False, "ISSUED")
    assert (await mari(WALLET))["me"]["wallet"] == {
        "availablePoints": 200,
        "reservedPoints": 0,
        "lifetimeRedeemedPoints": 500,
    }
    assert (await mari(HELD))["me"]["entitlements"] == {
        "totalCount": 1,
        "nodes": [
            {
                "rewardId": "5-off",
                "rewardName": "5.00 off",
                "kind": "AMOUNT_OFF",
                "state": "ISSUED",
                "unit": "points",
                "points": 500,
                "amount": {"amount": "5.00", "currency": "EUR"},
                "issuedAt": "2026-03-02T12:00:00+00:00",
                "expiresAt": None,
                "closedAt": None,
                "reservationId": None,
                "reservedUntil": None,
            }
        ],
    }


async def test_a_balance_that_is_too_low_says_by_how_much_in_five_languages(api: Api) -> None:
    mari, _ = await api.member(balance_points=499)
    facts = "... on BalanceTooLow { balancePoints askedPoints }"
    input = {"idempotencyKey": "k", "rewardId": "5-off"}

    told = {
        language: await done(mari.reading(language), "redeemReward", input, facts)
        for language in ("en", "nb", "sv", "pl", "et")
    }

    assert {(one["code"], one["balancePoints"], one["askedPoints"]) for one in told.values()} == {
        ("BALANCE_TOO_LOW", 499, 500)
    }
    assert told["en"]["message"] == (
        "The balance is too low: 500 needed, 499 available. Choose something smaller, or collect more first."
    )
    assert len({one["message"] for one in told.values()}) == 5
    assert all("499" in one["message"] for one in told.values())


async def test_a_refusal_is_told_again_after_a_top_up_under_the_same_key(api: Api) -> None:
    mari, _ = await api.member(balance_points=499)
    refused = await done(mari, "redeemReward", {"idempotencyKey": "k", "rewardId": "5-off"})
    await done(api.till, "recordOrder", an_order("1", a_line(100), customer=by_email()))

    again = await done(mari, "redeemReward", {"idempotencyKey": "k", "rewardId": "5-off"})
    anew = await done(mari, "redeemReward", {"idempotencyKey": "k2", "rewardId": "5-off"})

    assert again == refused
    assert anew["__typename"] == "RewardRedeemed"


async def test_units_are_held_for_a_checkout_and_given_back(api: Api) -> None:
    mari, _ = await api.member(balance_points=250)

    reserved = await done(mari, "reserveReward", {"idempotencyKey": "k", "rewardId": "free-shipping"}, RESERVED)
    held = (await mari(WALLET))["me"]["wallet"]
    void = {"idempotencyKey": "v", "reservationId": reserved["reservationId"]}
    voided = await done(mari, "voidReservation", void, "... on ReservationVoided { replayed entitlement { state } }")

    assert taken_apart(reserved["reservationId"])[0] == "Reservation"
    assert reserved["entitlement"] == {"state": "RESERVED", "reservedUntil": "2026-03-02T12:30:00+00:00"}
    assert held == {"availablePoints": 50, "reservedPoints": 200, "lifetimeRedeemedPoints": 0}
    assert voided == {"__typename": "ReservationVoided", "replayed": False, "entitlement": {"state": "RETURNED"}}
    assert (await mari(WALLET))["me"]["wallet"] == {
        "availablePoints": 250,
        "reservedPoints": 0,
        "lifetimeRedeemedPoints": 0,
    }


async def test_what_is_held_comes_in_pages_newest_first(api: Api) -> None:
    mari, _ = await api.member(balance_points=2_000)
    for name in ("free-shipping", "5-off", "free-shipping"):
        await done(mari, "redeemReward", {"idempotencyKey": f"k{CLOCK.now()}", "rewardId": name})
        CLOCK.advance(timedelta(minutes=1))
    page = """
    query($after: String) { me { entitlements(first: 2, after: $after) {
      nodes { rewardId } pageInfo { hasNextPage endCursor }
    } } }
    """

    first = (await mari(page))["me"]["entitlements"]
    second = (await mari(page, after=first["pageInfo"]["endCursor"]))["me"]["entitlements"]

    assert [one["rewardId"] for one in first["nodes"]] == ["free-shipping", "5-off"]
    assert [one["rewardId"] for one in second["nodes"]] == ["free-shipping"]
    assert (first["pageInfo"]["hasNextPage"], second["pageInfo"]["hasNextPage"]) == (True, False)


async def test_a_reward_somebody_holds_is_nobody_else_s_to_fetch(api: Api) -> None:
    mari, _ = await api.member(balance_points=700)
    await a_customer(shop=api.shop, email="bo@example.com")
    bo = await api.customer("bo@example.com")
    told = await done(mari, "redeemReward", {"idempotencyKey": "k", "rewardId": "5-off"}, REDEEMED)
    node = "query($id: ID!) { node(id: $id) { __typename } }"

    assert await mari(node, id=told["entitlement"]["id"]) == {"node": {"__typename": "Entitlement"}}
    assert await bo(node, id=told["entitlement"]["id"]) == {"node": None}


async def test_two_mutations_of_one_request_each_show_what_stands_after_them(api: Api) -> None:
    mari, _ = await api.member(balance_points=700)

    told = await mari(
        """
        mutation {
          one: reserveReward(input: { idempotencyKey: "1", rewardId: "free-shipping" }) { ...held }
          two: redeemReward(input: { idempotencyKey: "2", rewardId: "5-off" }) { ...paid }
        }
        fragment held on RewardReserved { entry { balanceAfterPoints } entitlement { state } }
        fragment paid on RewardRedeemed { entry { balanceAfterPoints } entitlement { state } }
        """
    )

    assert told["one"] == {"entry": {"balanceAfterPoints": 500}, "entitlement": {"state": "RESERVED"}}
    assert told["two"] == {"entry": {"balanceAfterPoints": 0}, "entitlement": {"state": "ISSUED"}}

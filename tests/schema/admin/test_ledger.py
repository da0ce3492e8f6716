"""Corrections by hand, by programs and by people, and their second person."""

from datetime import timedelta
from typing import Any

import pytest

from loyalty.access import Role
from schema.identifiers import encoded
from tests.support.api import CLOCK, Api, counted_statements
from tests.support.customers import a_customer
from tests.support.world import contents, done

ANSWERED = """
... on BalanceAdjusted {
  replayed
  entry { kind points balanceAfterPoints explanation expiresAt }
  adjustment { id state points reason note askedBy decidedBy decidedAt decisionNote }
  customer { id wallet { availablePoints } }
}
"""
ASKED = ANSWERED + "... on AdjustmentAwaitsApproval { replayed adjustment { id state askedBy entry { id } } }"
QUEUE = """
query($state: AdjustmentState, $customerId: ID, $first: Int! = 10, $after: String) {
  adjustments(first: $first, after: $after, state: $state, customerId: $customerId) {
    nodes { points state customer { displayName } entry { points } }
    pageInfo { hasNextPage endCursor }
    totalCount
  }
}
"""


async def a_correction(api: Api, points: int = 50, **changes: Any) -> dict[str, Any]:
    """Return the input of a correction, of a new customer's balance."""
    row = await a_customer(shop=api.shop, first_name="Mari", balance_points=100)
    return {
        "idempotencyKey": f"k{points}",
        "customerId": encoded("Customer", row.id),
        "points": points,
        "unit": "points",
        "reason": "GOODWILL",
        "note": "The parcel came late.",
        **changes,
    }


async def test_a_small_correction_is_posted_at_once(api: Api) -> None:
    support, person = await api.person(Role.SUPPORT)
    input = await a_correction(api)

    told = await done(support, "adjustBalance", input, ASKED)

    assert told["entry"] == {
        "kind": "ADJUST",
        "points": 50,
        "balanceAfterPoints": 150,
        "explanation": "50 points added by customer service (goodwill).",
        "expiresAt": None,
    }
    del told["adjustment"]["id"]
    assert told["adjustment"] == {
        "state": "POSTED",
        "points": 50,
        "reason": "GOODWILL",
        "note": "The parcel came late.",
        "askedBy": f"staff:{person.id}",
        "decidedBy": None,
        "decidedAt": None,
        "decisionNote": "",
    }
    assert told["customer"] == {"id": input["customerId"], "wallet": {"availablePoints": 150}}


async def test_a_key_corrects_as_a_person_does(api: Api) -> None:
    told = await done(api.till, "adjustBalance", await a_correction(api, -30), ASKED)

    assert (told["entry"]["points"], told["entry"]["balanceAfterPoints"]) == (-30, 70)
    assert told["adjustment"]["askedBy"].startswith("key:")


async def test_a_large_correction_waits_for_a_second_person(api: Api) -> None:
    first, asker = await api.person(Role.SUPPORT)
    second, approver = await api.person(Role.SUPPORT)
    input = await a_correction(api, 1_001)

    waiting = await done(first, "adjustBalance", input, ASKED)
    adjustment_id = waiting["adjustment"]["id"]
    approve = {"idempotencyKey": "a", "adjustmentId": adjustment_id, "note": "I saw the parcel."}
    by_themselves = await done(first, "approveAdjustment", approve, ANSWERED)
    CLOCK.advance(timedelta(hours=1))
    approved = await done(second, "approveAdjustment", approve, ANSWERED)
    again = await done(second, "approveAdjustment", approve, ANSWERED)

    assert waiting["__typename"] == "AdjustmentAwaitsApproval"
    assert waiting["adjustment"] == {
        "id": adjustment_id,
        "state": "AWAITING",
        "askedBy": f"staff:{asker.id}",
        "entry": None,
    }
    assert by_themselves["__typename"] == "SamePerson"
    assert approved["entry"]["balanceAfterPoints"] == 1_101
    assert approved["adjustment"] == {
        "id": adjustment_id,
        "state": "APPROVED",
        "points": 1_001,
        "reason": "GOODWILL",
        "note": "The parcel came late.",
        "askedBy": f"staff:{asker.id}",
        "decidedBy": f"staff:{approver.id}",
        "decidedAt": "2026-03-02T13:00:00+00:00",
        "decisionNote": "I saw the parcel.",
    }
    assert again == {**approved, "replayed": True}


async def test_a_second_person_may_say_no(api: Api) -> None:
    second, _ = await api.person(Role.SUPPORT)
    waiting = await done(api.till, "adjustBalance", await a_correction(api, 5_000), ASKED)
    reject = {"idempotencyKey": "r", "adjustmentId": waiting["adjustment"]["id"], "note": "Too much."}
    selection = "... on AdjustmentRejected { replayed adjustment { state decisionNote entry { id } } }"

    told = await done(second, "rejectAdjustment", reject, selection)

    assert told["adjustment"] == {"state": "REJECTED", "decisionNote": "Too much.", "entry": None}
    late = await done(
        second, "approveAdjustment", {**reject, "idempotencyKey": "a"}, "... on AdjustmentNotWaiting { state }"
    )
    assert (late["__typename"], late["state"]) == ("AdjustmentNotWaiting", "rejected")


@pytest.mark.parametrize("role", [Role.MARKETER, Role.ANALYST])
async def test_whoever_is_here_for_something_else_may_look_and_not_touch(api: Api, role: Role) -> None:
    caller, _ = await api.person(role)
    input = await a_correction(api)
    before = await contents()

    told = await done(caller, "adjustBalance", input, "... on NotPermitted { permission }")

    assert (told["__typename"], told["permission"]) == ("NotPermitted", "ledger:adjust")
    assert await contents() == before
    assert (await caller(QUEUE))["adjustments"]["nodes"] == []


async def test_corrections_come_in_pages_by_state_and_customer(api: Api) -> None:
    inputs = []
    for points in (10, 2_000, 20, 3_000):
        inputs.append(await a_correction(api, points))
        await done(api.till, "adjustBalance", inputs[-1])
        CLOCK.advance(timedelta(minutes=1))

    queue = (await api.till(QUEUE, state="AWAITING"))["adjustments"]
    one = (await api.till(QUEUE, first=1))["adjustments"]
    rest = (await api.till(QUEUE, after=one["pageInfo"]["endCursor"]))["adjustments"]
    of_one = (await api.till(QUEUE, customerId=inputs[0]["customerId"]))["adjustments"]

    assert [node["points"] for node in queue["nodes"]] == [3_000, 2_000]
    assert queue["nodes"][0] == {
        "points": 3_000,
        "state": "AWAITING",
        "customer": {"displayName": "Mari"},
        "entry": None,
    }
    assert [node["points"] for node in [*one["nodes"], *rest["nodes"]]] == [3_000, 20, 2_000, 10]
    assert [node["entry"] for node in of_one["nodes"]] == [{"points": 10}]
    assert queue["totalCount"] is None


async def test_a_page_of_corrections_loads_their_customers_and_entries_together(api: Api) -> None:
    async def statements(first: int) -> int:
        with counted_statements() as ran:
            await api.till(QUEUE, first=first)
        return len(ran)

    for points in range(1, 21):
        await done(api.till, "adjustBalance", await a_correction(api, points))

    assert await statements(2) == await statements(20)


async def test_a_correction_is_found_again_by_its_id(api: Api) -> None:
    told = await done(api.till, "adjustBalance", await a_correction(api), ASKED)
    node = "query($id: ID!) { node(id: $id) { ... on Adjustment { points note } } }"

    assert await api.till(node, id=told["adjustment"]["id"]) == {
        "node": {"points": 50, "note": "The parcel came late."}
    }

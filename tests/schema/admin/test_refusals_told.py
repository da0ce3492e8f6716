"""Every refusal of every mutation of the admin schema is told as its type, and nothing has changed."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from loyalty.access import Actor, Permission, Role
from loyalty.amounts import POINTS_PER_ENTRY_MAX, POINTS_PER_WALLET_MAX
from loyalty.ledger.posting import Earn, post
from schema.admin.root import AdminSchema
from schema.identifiers import encoded
from tests.support.api import CLOCK, Api, Caller, a_line, an_order, by_email
from tests.support.customers import a_customer
from tests.support.inputs import admin_inputs
from tests.support.unions import has_key, members_of, mutations_of, own_members_of
from tests.support.world import BO, EMAIL, World, a_world, contents, done, own_account_of

SCHEMA = AdminSchema()._schema
Changes = dict[str, Any]
Case = Changes | Callable[[World, Changes], Awaitable[tuple[Caller, Changes]]]

NOBODY = encoded("Customer", UUID(int=1))
LONG_AGO, FAR_AHEAD = "1969-12-31T23:59:59Z", "9999-12-31T00:00:00Z"
KEY = "a key that was used"


def back(*lines: Changes, order: str = "canary-1001") -> Changes:
    """Return what changes a return into one of these lines."""
    return {"orderExternalId": order, "lines": list(lines)}


async def after_use(world: World, mutation: str, input: Changes) -> tuple[Caller, Changes]:
    """Use the input once."""
    await done(world.till, mutation, input)
    return world.till, {**input, "idempotencyKey": "again"}


async def from_the_dear_shop(world: World, input: Changes) -> tuple[Caller, Changes]:
    return world.till, {**input, "shop": "outlet"}


async def returned_before(world: World, input: Changes) -> tuple[Caller, Changes]:
    return await after_use(world, "recordReturn", {**input, "lines": None})


async def who_holds_a_checkout(world: World, input: Changes) -> tuple[Caller, Changes]:
    return world.till, {**input, "keptId": world.ids["other customer"], "mergedId": world.ids["customer"]}


async def by_the_customer_themselves(world: World, input: Changes) -> tuple[Caller, Changes]:
    caller, person = await world.api.person(Role.SUPPORT)
    await own_account_of(person, world.bo.id if "customerId" in input else world.anna.id)
    return caller, input


async def by_whoever_asked(world: World, input: Changes) -> tuple[Caller, Changes]:
    return world.till, input


async def decided_before(world: World, input: Changes) -> tuple[Caller, Changes]:
    first, _ = await world.api.person(Role.ADMIN)
    await done(first, "rejectAdjustment", {"idempotencyKey": "earlier", "adjustmentId": input["adjustmentId"]})
    return first, input


async def of_what_was_spent_meanwhile(world: World, input: Changes) -> tuple[Caller, Changes]:
    asked = {**admin_inputs(world)["adjustBalance"], "idempotencyKey": "take", "points": -4_900}
    waiting = await done(world.till, "adjustBalance", asked, "... on AdjustmentAwaitsApproval { adjustment { id } }")
    for name in ("one", "two"):
        await done(world.till, "redeemReward", {**admin_inputs(world)["redeemReward"], "idempotencyKey": name})
    approver, _ = await world.api.person(Role.SUPPORT)
    return approver, {**input, "adjustmentId": waiting["adjustment"]["id"]}


async def of_a_full_wallet(world: World, input: Changes) -> tuple[Caller, Changes]:
    left = POINTS_PER_WALLET_MAX - 6_000
    lots = [POINTS_PER_ENTRY_MAX] * (left // POINTS_PER_ENTRY_MAX) + [left % POINTS_PER_ENTRY_MAX]
    now = world.api.now
    earned = [Earn(customer_id=world.anna.id, unit="points", points=points, earned_at=now) for points in lots]
    await post(earned, by=Actor.system("tests"), now=now)
    approver, _ = await world.api.person(Role.SUPPORT)
    return approver, input


async def nobody_s_member(world: World, input: Changes) -> tuple[Caller, Changes]:
    stranger = await a_customer(shop=world.api.shop, email="stranger@example.com", is_member=False)
    return world.till, {**input, "customerId": encoded("Customer", stranger.id)}


async def too_late(world: World, input: Changes) -> tuple[Caller, Changes]:
    CLOCK.advance(timedelta(hours=1))
    return world.till, input


async def captured_before(world: World, input: Changes) -> tuple[Caller, Changes]:
    return await after_use(world, "captureReservation", {"idempotencyKey": "first", **_reservation(input)})


def _reservation(input: Changes) -> Changes:
    return {"reservationId": input["reservationId"]}


async def by_a_lesser_key(world: World, input: Changes) -> tuple[Caller, Changes]:
    managing = (Permission.KEYS_MANAGE, Permission.STAFF_MANAGE)
    return await world.api.key(*managing), {**input, **({"shop": None} if "scopes" in input else {})}


async def birthday_again(world: World, input: Changes) -> tuple[Caller, Changes]:
    known = world.ids["customer"]
    return world.till, {"customerId": known, "shop": input["shop"], "birthday": "1999-01-01"}


CASES: dict[str, dict[str, Case]] = {
    "recordOrder": {
        "OrderDiffers": {"externalId": "canary-1001"},
        "NoLines": {"lines": []},
        "TooManyLines": {"lines": [a_line()] * 501},
        "QuantityInvalid": {"lines": [a_line(), a_line(quantity="0")]},
        "AmountInvalid": {"lines": [a_line(), a_line(-1)]},
        "UnknownCurrency": {"currency": "XQQ"},
        "MomentInvalid": {"placedAt": FAR_AHEAD},
        "DiscountTooLarge": {"discountMinor": 1_001},
        "TaxTooLarge": {"taxMinor": 1_001},
        "TotalMismatch": {"totalMinor": 999},
        "CouponUnknown": {"couponCodes": ["SPRING"]},
        "IdentifierInvalid": {"customer": by_email("no address")},
        "AmountTooLarge": from_the_dear_shop,
        "NotFound": {"shop": "nowhere"},
        "Invalid": {"externalId": " "},
    },
    "recordOrders": {
        "TooManyOrders": {"orders": [an_order(f"many-{number}") for number in range(501)]},
        "Invalid": {"orders": []},
    },
    "recordReturn": {
        "NoLines": back(),
        "TooManyLines": back(*[{"lineNumber": 1, "quantity": 1}] * 501),
        "QuantityInvalid": back({"lineNumber": 1, "quantity": "-1"}),
        "MomentInvalid": {"returnedAt": LONG_AGO},
        "RepeatedSku": back({"sku": "MILK", "quantity": 1}, {"sku": "MILK", "quantity": 1}),
        "UnknownLine": back({"sku": "BREAD", "quantity": 1}),
        "AmbiguousSku": back({"sku": "TWICE", "quantity": 1}, order="canary-1002"),
        "OverReturned": back({"sku": "MILK", "quantity": "1.001"}),
        "NothingLeftToReturn": returned_before,
        "ReturnAwaitsOrder": {"orderExternalId": "not yet"},
        "NotFound": {"shop": "nowhere"},
        "Invalid": back({"quantity": 1}),
    },
    "cancelOrder": {"ReturnAwaitsOrder": {"orderExternalId": "not yet"}, "Invalid": {"orderExternalId": ""}},
    "enrolCustomer": {
        "IdentifierInvalid": {"phone": "123"},
        "IdentifierTaken": {"email": EMAIL, "card": None, "barcode": None, "externalId": None, "phone": None}
        | {"email": BO, "card": "CANARY-CARD-1"},
        "Invalid": {"firstName": "a" * 101},
    },
    "updateCustomer": {
        "IdentifierInvalid": {"email": "no address"},
        "IdentifierTaken": {"email": EMAIL},
        "VersionConflict": {"expectedVersion": 7},
        "BirthdayLocked": birthday_again,
        "NotFound": {"customerId": NOBODY},
        "Invalid": {"locale": "de"},
    },
    "mergeCustomers": {
        "UnitsReserved": who_holds_a_checkout,
        "MergeImpossible": lambda world, input: _same_twice(world, input),
        "NotFound": {"mergedId": NOBODY},
    },
    "adjustBalance": {
        "AdjustmentAwaitsApproval": {"points": 1_001},
        "BalanceTooLow": lambda world, input: _of_somebody_poor(world, {**input, "points": -11}),
        "NothingToAdjust": {"points": 0},
        "AdjustmentNeedsNote": {"note": " "},
        "AmountTooLarge": {"points": str(10**12 + 1)},
        "OwnAccount": by_the_customer_themselves,
        "NotFound": {"customerId": NOBODY},
        "Invalid": {"note": "a" * 2_001},
    },
    "approveAdjustment": {
        "BalanceTooLow": of_what_was_spent_meanwhile,
        "AdjustmentNotWaiting": decided_before,
        "SamePerson": by_whoever_asked,
        "OwnAccount": by_the_customer_themselves,
        "AmountTooLarge": of_a_full_wallet,
        "NotFound": {"adjustmentId": NOBODY},
        "Invalid": {"note": "a" * 2_001},
    },
    "rejectAdjustment": {
        "AdjustmentNotWaiting": decided_before,
        "SamePerson": by_whoever_asked,
        "OwnAccount": by_the_customer_themselves,
        "NotFound": {"adjustmentId": NOBODY},
    },
    "redeemReward": {
        "BalanceTooLow": lambda world, input: _of_somebody_poor(world, input),
        "RewardNotAvailable": {"rewardId": "the moon"},
        "NotAMember": nobody_s_member,
        "NotFound": {"customerId": NOBODY},
    },
    "reserveReward": {
        "BalanceTooLow": lambda world, input: _of_somebody_poor(world, input),
        "RewardNotAvailable": {"rewardId": "the moon"},
        "NotAMember": nobody_s_member,
        "NotFound": {"customerId": NOBODY},
    },
    "captureReservation": {
        "ReservationNotOpen": captured_before,
        "ReservationExpired": too_late,
        "NotFound": {"reservationId": NOBODY},
    },
    "voidReservation": {"ReservationNotOpen": captured_before, "NotFound": {"reservationId": NOBODY}},
    "createApiKey": {
        "ScopeUnknown": {"scopes": ["orders:record", "moon:fly"]},
        "ScopesExceedYours": by_a_lesser_key,
        "NotFound": {"shop": "nowhere"},
        "Invalid": {"name": ""},
    },
    "revokeApiKey": {"NotFound": {"apiKeyId": NOBODY}},
    "inviteStaff": {
        "EmailTaken": lambda world, input: _of_a_colleague(world, input),
        "RolesExceedYours": by_a_lesser_key,
        "Invalid": {"roles": []},
    },
}
SECOND_WAYS = {"AdjustmentAwaitsApproval", "ReturnAwaitsOrder"}
"""Answers that are no refusals, though not the first of their unions."""


async def _same_twice(world: World, input: Changes) -> tuple[Caller, Changes]:
    return world.till, {**input, "mergedId": input["keptId"]}


async def _of_somebody_poor(world: World, input: Changes) -> tuple[Caller, Changes]:
    poor = await a_customer(shop=world.api.shop, balance_points=10)
    return world.till, {**input, "customerId": encoded("Customer", poor.id)}


async def _of_a_colleague(world: World, input: Changes) -> tuple[Caller, Changes]:
    return world.till, {**input, "email": world.colleague.email}


@pytest.fixture
async def world(api: Api) -> World:
    """Return a shop in which everything has happened once."""
    return await a_world(api)


def cases(*, prepared: bool) -> list[tuple[str, str]]:
    """Return the cases that need something to happen before, or those that do not."""
    return [
        (mutation, member)
        for mutation, members in CASES.items()
        for member, case in members.items()
        if isinstance(case, dict) is not prepared
    ]


async def refused(caller: Caller, mutation: str, input: Changes, member: str) -> None:
    """Run the mutation and see the refusal told, and nothing changed."""
    before = await contents()

    told = await done(caller, mutation, input)

    assert told["__typename"] == member, told
    if member not in SECOND_WAYS:
        assert told["message"]
        assert await contents() == before, member


@pytest.mark.parametrize("mutation", CASES)
async def test_a_refusal_of_the_input_is_told_as_its_type_and_nothing_has_changed(world: World, mutation: str) -> None:
    good = admin_inputs(world)[mutation]
    for member, case in CASES[mutation].items():
        if isinstance(case, dict):
            own_key = {"idempotencyKey": member} if "idempotencyKey" in good else {}
            await refused(world.till, mutation, {**good, **own_key, **case}, member)


@pytest.mark.parametrize(("mutation", "member"), cases(prepared=True))
async def test_a_refusal_of_what_stands_is_told_as_its_type_and_nothing_has_changed(
    world: World, mutation: str, member: str
) -> None:
    case = CASES[mutation][member]
    assert callable(case)
    caller, input = await case(world, admin_inputs(world)[mutation])

    await refused(caller, mutation, input, member)


@pytest.mark.parametrize("mutation", mutations_of(SCHEMA))
def test_every_refusal_that_a_mutation_alone_has_is_provoked(mutation: str) -> None:
    assert own_members_of(SCHEMA, mutation) - CASES[mutation].keys() == set()


async def test_a_key_without_the_scope_is_refused_and_nothing_has_changed(world: World) -> None:
    nobody = await world.api.key(Permission.PROGRAMME_READ)

    for mutation in mutations_of(SCHEMA):
        await refused(nobody, mutation, admin_inputs(world)[mutation], "NotPermitted")


async def test_whoever_has_no_credentials_is_told_so_by_the_status(world: World) -> None:
    nobody = Caller(world.api.http, "/graphql/admin")

    response = await nobody.post({"query": "{ jobs { name } }"})

    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert [error["extensions"]["code"] for error in response.json()["errors"]] == ["UNAUTHENTICATED"]


@pytest.mark.parametrize("mutation", [name for name in mutations_of(SCHEMA) if has_key(SCHEMA, name)])
async def test_a_key_has_one_effect_and_one_meaning(world: World, mutation: str) -> None:
    caller, input = await _somebody_else(world, mutation)
    success = members_of(SCHEMA, mutation)[0]
    selection = f"... on {success} {{ replayed }}"
    for key in ("", "k" * 201):
        await refused(caller, mutation, {**input, "idempotencyKey": key}, "IdempotencyKeyInvalid")

    first = await done(caller, mutation, input, selection)
    after_it = await contents()
    again = await done(caller, mutation, input, selection)

    assert first == {"__typename": success, "replayed": False}
    assert again == {"__typename": success, "replayed": True}
    assert await contents() == after_it
    await refused(caller, mutation, {**input, **ANOTHER[mutation](world)}, "IdempotencyMismatch")


ANOTHER: dict[str, Callable[[World], Changes]] = {
    "recordOrder": lambda world: {"externalId": "new-9"},
    "recordOrders": lambda world: {"orders": [an_order("new-9", shop=world.api.shop.code)]},
    "recordReturn": lambda world: {"lines": [{"sku": "MILK", "quantity": "0.25"}]},
    "cancelOrder": lambda world: {"orderExternalId": "canary-1002"},
    "enrolCustomer": lambda world: {"email": "somebody@example.com"},
    "mergeCustomers": lambda world: {"mergedId": world.ids["customer"], "keptId": world.ids["other customer"]},
    "adjustBalance": lambda world: {"points": 51},
    "approveAdjustment": lambda world: {"note": "Not agreed."},
    "rejectAdjustment": lambda world: {"note": "Yes."},
    "redeemReward": lambda world: {"rewardId": "free-shipping"},
    "reserveReward": lambda world: {"rewardId": "free-shipping"},
    "captureReservation": lambda world: {"reservationId": world.ids["another reservation"]},
    "voidReservation": lambda world: {"reservationId": world.ids["reservation"]},
}


async def _somebody_else(world: World, mutation: str) -> tuple[Caller, Changes]:
    """Return a caller who may decide what the till asked for, and a good input."""
    caller = world.till if "Adjustment" not in mutation else (await world.api.person(Role.ADMIN))[0]
    return caller, admin_inputs(world)[mutation]

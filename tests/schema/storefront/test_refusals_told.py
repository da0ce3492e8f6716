"""Every refusal of every mutation of the storefront is told as its type, and nothing has changed."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from schema.identifiers import encoded
from schema.storefront.root import StorefrontSchema
from tests.support.api import CLOCK, Api, Caller, an_order
from tests.support.customers import a_customer
from tests.support.inputs import storefront_inputs
from tests.support.shops import a_shop
from tests.support.unions import has_key, members_of, mutations_of, own_members_of
from tests.support.world import BO, EMAIL, World, a_world, contents, done

SCHEMA = StorefrontSchema()._schema
Changes = dict[str, Any]
Case = Changes | Callable[[World, Changes], Awaitable[tuple[Caller, Changes]]]

NOBODY = encoded("Reservation", UUID(int=1))
ANYBODY_S = {"enrol", "requestSignInLink", "signIn"}
"""Mutations for which nobody has to be signed in."""


async def anna(world: World) -> Caller:
    """Return Anna, signed in on the shop's pages."""
    caller = await world.api.customer(EMAIL)
    return Caller(caller.http, caller.path, {**caller.headers, "x-shop-key": world.api.shop.publishable_key})


async def by_whom_the_shop_vouches_for(world: World, input: Changes) -> tuple[Caller, Changes]:
    return await world.api.vouched("unheard of"), {"email": EMAIL}


async def birthday_again(world: World, input: Changes) -> tuple[Caller, Changes]:
    return await anna(world), {"birthday": "1999-01-01"}


async def somebody_poor(world: World, input: Changes) -> tuple[Caller, Changes]:
    await a_customer(shop=world.api.shop, email="poor@example.com", balance_points=10)
    return await world.api.customer("poor@example.com"), input


async def somebody_not_enrolled(world: World, input: Changes) -> tuple[Caller, Changes]:
    await a_customer(shop=world.api.shop, email="stranger@example.com", is_member=False)
    return await world.api.customer("stranger@example.com"), input


async def voided_before(world: World, input: Changes) -> tuple[Caller, Changes]:
    caller = await anna(world)
    await done(caller, "voidReservation", input)
    return caller, {**input, "idempotencyKey": "again"}


async def of_somebody_else(world: World, input: Changes) -> tuple[Caller, Changes]:
    return await world.api.customer(BO), input


async def too_late(world: World, input: Changes) -> tuple[Caller, Changes]:
    CLOCK.advance(timedelta(days=30))
    return await anna(world), input


async def of_the_dear_shop(world: World, input: Changes) -> tuple[Caller, Changes]:
    return await anna(world), {**input, "code": await printed_code(world, "outlet")}


async def of_a_shop_that_invites(world: World, input: Changes) -> tuple[Caller, Changes]:
    await a_shop(code="club", enrols_automatically=False)
    caller, input = await somebody_not_enrolled(world, input)
    return caller, {**input, "code": await printed_code(world, "club")}


async def printed_code(world: World, shop: str) -> str:
    """Record an order of nobody's in this shop, and return the code on its receipt."""
    told = await done(world.till, "recordOrder", an_order("new", shop=shop), "... on OrderRecorded { receiptLines }")
    [code] = [word for line in told["receiptLines"] for word in line.split() if word.count("-") == 3]
    return str(code)


async def guessed_often(world: World, input: Changes) -> tuple[Caller, Changes]:
    caller = await anna(world)
    for number in range(10):
        await done(caller, "claimReceipt", {"idempotencyKey": f"guess {number}", "code": "0000-0000-0000-0000"})
    return caller, input


async def asked_often(world: World, input: Changes) -> tuple[Caller, Changes]:
    for _ in range(10):
        await done(await anna(world), "requestSignInLink", {"email": "nobody@example.com"})
    return await anna(world), {"email": "nobody@example.com"}


CASES: dict[str, dict[str, Case]] = {
    "enrol": {
        "IdentifierInvalid": {"email": "no address"},
        "IdentifierTaken": by_whom_the_shop_vouches_for,
        "Invalid": {"email": None, "phone": None},
    },
    "updateProfile": {
        "IdentifierInvalid": {"phone": "123"},
        "IdentifierTaken": {"email": BO},
        "VersionConflict": {"expectedVersion": 7},
        "BirthdayLocked": birthday_again,
        "Invalid": {"locale": "de"},
    },
    "redeemReward": {
        "BalanceTooLow": somebody_poor,
        "RewardNotAvailable": {"rewardId": "the moon"},
        "NotAMember": somebody_not_enrolled,
    },
    "reserveReward": {
        "BalanceTooLow": somebody_poor,
        "RewardNotAvailable": {"rewardId": "the moon"},
        "NotAMember": somebody_not_enrolled,
    },
    "voidReservation": {
        "ReservationNotOpen": voided_before,
        "NotFound": of_somebody_else,
    },
    "claimReceipt": {
        "ReceiptNotClaimable": {"code": "0000-0000-0000-0000"},
        "ClaimWindowClosed": too_late,
        "NotAMember": of_a_shop_that_invites,
        "AmountTooLarge": of_the_dear_shop,
        "Throttled": guessed_often,
    },
    "requestSignInLink": {"IdentifierInvalid": {"email": "no address"}, "Throttled": asked_often},
    "signIn": {"SignInLinkInvalid": {}},
}


@pytest.fixture
async def world(api: Api) -> World:
    """Return a shop in which everything has happened once."""
    return await a_world(api)


async def refused(caller: Caller, mutation: str, input: Changes, member: str) -> None:
    """Run the mutation and see the refusal told, and nothing changed."""
    before = await contents()

    told = await done(caller, mutation, input)

    assert told["__typename"] == member, told
    assert told["message"]
    assert await contents() == before, member


@pytest.mark.parametrize("mutation", CASES)
async def test_a_refusal_is_told_as_its_type_and_nothing_has_changed(world: World, mutation: str) -> None:
    good = storefront_inputs(world)[mutation]
    for member, case in CASES[mutation].items():
        if isinstance(case, dict):
            caller = world.api.in_shop(world.api.shop) if mutation in ANYBODY_S else await anna(world)
            await refused(caller, mutation, {**good, **case}, member)


@pytest.mark.parametrize(
    ("mutation", "member"),
    [(mutation, member) for mutation, cases in CASES.items() for member, case in cases.items() if callable(case)],
)
async def test_a_refusal_of_what_stands_is_told_as_its_type_and_nothing_has_changed(
    world: World, mutation: str, member: str
) -> None:
    case = CASES[mutation][member]
    assert callable(case)
    caller, input = await case(world, storefront_inputs(world)[mutation])

    await refused(caller, mutation, input, member)


@pytest.mark.parametrize("mutation", mutations_of(SCHEMA))
def test_every_refusal_that_a_mutation_alone_has_is_provoked(mutation: str) -> None:
    assert own_members_of(SCHEMA, mutation) - CASES[mutation].keys() == set()


async def test_whoever_has_not_signed_in_is_told_so_by_an_error_and_nothing_has_changed(world: World) -> None:
    nobody = world.api.in_shop(world.api.shop)
    before = await contents()

    for mutation in set(mutations_of(SCHEMA)) - ANYBODY_S:
        type_name = f"{mutation[0].upper()}{mutation[1:]}Input"
        document = f"mutation($input: {type_name}!) {{ {mutation}(input: $input) {{ __typename }} }}"
        errors = await nobody.errors(document, input=storefront_inputs(world)[mutation])

        assert errors == [("UNAUTHENTICATED", mutation)]
    assert await contents() == before


@pytest.mark.parametrize("mutation", [name for name in mutations_of(SCHEMA) if has_key(SCHEMA, name)])
async def test_a_key_has_one_effect_and_one_meaning(world: World, mutation: str) -> None:
    caller, input = await anna(world), storefront_inputs(world)[mutation]
    success = members_of(SCHEMA, mutation)[0]
    for key in ("", "k" * 201):
        await refused(caller, mutation, {**input, "idempotencyKey": key}, "IdempotencyKeyInvalid")

    first = await done(caller, mutation, input, f"... on {success} {{ replayed }}")
    after_it = await contents()
    again = await done(caller, mutation, input, f"... on {success} {{ replayed }}")

    assert first == {"__typename": success, "replayed": False}
    assert again == {"__typename": success, "replayed": True}
    assert await contents() == after_it
    [other] = [name for name in input if name != "idempotencyKey"]
    await refused(caller, mutation, {**input, other: NOBODY}, "IdempotencyMismatch")


async def test_the_key_of_one_customer_says_nothing_to_another(world: World) -> None:
    input = storefront_inputs(world)["redeemReward"]
    await done(await anna(world), "redeemReward", input)

    told = await done(await world.api.customer(BO), "redeemReward", input, "... on RewardRedeemed { replayed }")

    assert told == {"__typename": "RewardRedeemed", "replayed": False}

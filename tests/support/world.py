"""A shop in which everything has happened once: what questions, mutations and intruders find.

Anna is the customer whose every personal field holds a canary; Bo is another one. Whoever is told `CANARY` was told
something of Anna's.
"""

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from loyalty import transactions
from loyalty.access import Role
from loyalty.customers.models import Customer
from loyalty.programme.first import publish_if_new
from loyalty.shops.catalogue import ShopFacts
from loyalty.staff.people import Person
from schema.identifiers import encoded
from tests.support.api import Api, Caller, a_colleague, a_line, an_order
from tests.support.customers import a_customer
from tests.support.programme import a_programme, a_rule
from tests.support.shops import a_shop
from tests.support.staff import a_key

CANARY = "canary"
EMAIL = "anna.canary@example.com"
BO = "bo@example.com"


@dataclass
class World:
    """Who is there, and the ids by which they and what is theirs are asked for."""

    api: Api
    outlet: ShopFacts
    anna: Customer
    bo: Customer
    colleague: Person
    ids: dict[str, str] = field(default_factory=dict)
    """By what they are of: "customer", "order", "entry", "entitlement", "reservation", "adjustment", …; Anna's."""
    receipt_code: str = ""

    @property
    def till(self) -> Caller:
        """Return the shop's server."""
        return self.api.till


ANSWER = """
    __typename
    ... on Refusal { code message }
"""


async def done(caller: Caller, mutation: str, input: dict[str, Any], selection: str = "") -> Any:
    """Run a mutation by its name and return its answer; refusals are answers too."""
    type_name = f"{mutation[0].upper()}{mutation[1:]}Input"
    document = f"mutation($input: {type_name}!) {{ {mutation}(input: $input) {{ {ANSWER} {selection} }} }}"
    return (await caller(document, input=input))[mutation]


async def a_world(api: Api) -> World:
    """Let everything happen once."""
    anna = await a_customer(
        shop=api.shop,
        email=EMAIL,
        phone="+372 5123 4567",
        card="CANARY-CARD-1",
        barcode="CANARY-BARCODE-1",
        external_id="canary-external-1",
        first_name="Canaryanna",
        last_name="Canarysen",
        birthday=date(1987, 6, 5),
        verified=True,
        balance_points=5_000,
    )
    bo = await a_customer(shop=api.shop, email=BO, first_name="Bo", verified=True, balance_points=5_000)
    world = World(api, await _an_outlet(api), anna, bo, await a_colleague(Role.SUPPORT, now=api.now))
    await _bought(world)
    await _redeemed(world)
    await _adjusted(world)
    await _staffed(world)
    world.ids |= {"customer": encoded("Customer", anna.id), "other customer": encoded("Customer", bo.id)}
    world.ids |= {"member": encoded("Member", anna.id), "other member": encoded("Member", bo.id)}
    return world


async def _an_outlet(api: Api) -> ShopFacts:
    """Open another shop, whose programme gives more than a ledger can hold."""
    outlet = await a_shop(code="outlet", name="Outlet", programme="outlet")
    dear = a_programme(earn=[a_rule((None, 10**12, "0.01"))])
    await publish_if_new(outlet.programme, dear, now=api.now)
    return outlet


async def _bought(world: World) -> None:
    mine = {"kind": "EMAIL", "value": EMAIL}
    lines = [
        a_line(2_000, sku="CANARY-SKU", name="Canary tea", brand="Canary", category="Canaries"),
        a_line(sku="MILK"),
    ]
    twice = [a_line(sku="TWICE"), a_line(sku="TWICE")]
    named = "... on OrderRecorded { order { id } entries { id } receiptLines }"
    shop = {"shop": world.api.shop.code}
    order = await done(world.till, "recordOrder", an_order("canary-1001", *lines, customer=mine, **shop), named)
    world.ids |= {"order": order["order"]["id"], "entry": order["entries"][0]["id"]}
    await done(world.till, "recordOrder", an_order("canary-1002", *twice, customer=mine, **shop))
    await done(world.till, "recordOrder", an_order("canary-1003", customer=mine, **shop))
    await done(world.till, "recordOrder", an_order("bo-1", customer={"kind": "EMAIL", "value": BO}, **shop))
    bearer = await done(world.till, "recordOrder", an_order("bearer-1", **shop), named)
    [world.receipt_code] = [word for line in bearer["receiptLines"] for word in line.split() if word.count("-") == 3]


async def _redeemed(world: World) -> None:
    for_anna = {"customerId": encoded("Customer", world.anna.id), "rewardId": "free-shipping"}
    redeemed = await done(
        world.till,
        "redeemReward",
        {"idempotencyKey": "redeem", **for_anna},
        "... on RewardRedeemed { entitlement { id } }",
    )
    world.ids["entitlement"] = redeemed["entitlement"]["id"]
    for name in ("reservation", "another reservation"):
        reserved = await done(
            world.till, "reserveReward", {"idempotencyKey": name, **for_anna}, "... on RewardReserved { reservationId }"
        )
        world.ids[name] = reserved["reservationId"]


async def _adjusted(world: World) -> None:
    asked = {"customerId": encoded("Customer", world.anna.id), "unit": "points", "reason": "GOODWILL"}
    selection = "... on BalanceAdjusted { adjustment { id } } ... on AdjustmentAwaitsApproval { adjustment { id } }"
    for name, points in (("posted", 10), ("adjustment", 2_000), ("another adjustment", 2_001)):
        input = {"idempotencyKey": name, "points": points, "note": f"canary {name}", **asked}
        answer = await done(world.till, "adjustBalance", input, selection)
        world.ids[name] = answer["adjustment"]["id"]


async def _staffed(world: World) -> None:
    key, _ = await a_key(now=world.api.now + timedelta(seconds=1), name="Spare")
    world.ids |= {"key": encoded("ApiKey", key.id), "staff": encoded("StaffMember", world.colleague.id)}


async def contents() -> dict[str, str]:
    """Return a mark of every table's rows, which changes when they do; those that only count attempts left out."""
    tables = await transactions.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename")
    marks = {}
    for name in (row["tablename"] for row in tables):
        if name in ("attempt_count", "once_answer", "tortoise_migrations"):
            continue
        row = "to_jsonb(t) - 'last_used_at'" if name == "api_key" else "t"
        marks[name] = await transactions.value(
            f"SELECT md5(coalesce(string_agg(({row})::text, chr(10) ORDER BY ({row})::text), '')) FROM \"{name}\" t"
        )
    return marks


async def own_account_of(person: Person, customer_id: UUID) -> None:
    """Make somebody who works here the customer as well."""
    await transactions.rows("UPDATE staff_member SET customer_id = $1 WHERE id = $2", customer_id, person.id)

"""How many statements a request runs: as many for twenty rows as for two."""

from datetime import timedelta
from typing import Any

import pytest

from schema.identifiers import encoded
from tests.support.api import CLOCK, Api, Caller, an_order, by_email, counted_statements
from tests.support.customers import JOINED_AT, a_customer
from tests.support.world import done

PROFILE = """
query Profile {
  me {
    memberNumber displayName email birthday locale version
    tier { level since until }
    wallet { availablePoints pendingPoints reservedPoints owedPoints expiring { points expiresOn } }
    wallets { unit availablePoints }
    entries(first: 20) {
      nodes { id kind points balanceAfterPoints occurredAt expiresOn explanation order { externalId } }
      pageInfo { hasNextPage endCursor }
    }
    entitlements(first: 20) { nodes { id rewardName state expiresAt } }
  }
  programme {
    name expiry pending returns units { name } earnRules { description } rewards { name points amount { amount } }
  }
}
"""
CUSTOMERS = """
query($first: Int!) {
  customers(first: $first) { nodes {
    displayName email
    identifiers { kind value }
    wallet { availablePoints expiring { expiresOn } }
    wallets { unit }
    entries(first: 2) { totalCount nodes { explanation expiresOn order { externalId } } }
    entitlements(first: 2) { totalCount nodes { rewardName } }
    orders(first: 2) { totalCount nodes { externalId shop customer { displayName } } }
  } }
}
"""
ORDERS = """
query($first: Int!) {
  orders(first: $first) { nodes {
    externalId shop lines { sku } entries { explanation } customer { displayName email wallet { availablePoints } }
  } }
}
"""
NODES = """
query($ids: [ID!]!) {
  nodes(ids: $ids) {
    ... on Customer { email wallet { availablePoints } }
    ... on Order { externalId customer { email } }
    ... on Entry { explanation }
  }
}
"""
RECORDED = """
mutation($input: RecordOrdersInput!) {
  recordOrders(input: $input) { ... on OrdersRecorded { results { ... on OrderRecorded {
    order { externalId } entries { explanation } member { email wallet { availablePoints } }
  } } } }
}
"""


async def statements(caller: Caller, document: str, **variables: Any) -> list[str]:
    """Return the statements that a request runs."""
    with counted_statements() as ran:
        await caller(document, **variables)
    return ran


async def test_a_profile_takes_six_statements_however_long_the_history(api: Api) -> None:
    mari, _ = await api.member(balance_points=20_000)
    await mari(PROFILE)
    few = await statements(mari, PROFILE)

    for number in range(20):
        CLOCK.advance(timedelta(minutes=1))
        await done(api.till, "recordOrder", an_order(f"{number}", customer=by_email()))
        await done(mari, "redeemReward", {"idempotencyKey": f"{number}", "rewardId": "free-shipping"})
    many = await statements(mari, PROFILE)

    # Who asks, the customer, identifiers, wallets, entries, entitlements; nothing for the programme.
    assert len(many) == len(few) == 6


@pytest.mark.parametrize("document", [CUSTOMERS, ORDERS])
async def test_a_list_takes_as_many_statements_for_twenty_rows_as_for_two(api: Api, document: str) -> None:
    await twenty_customers(api)

    two = await statements(api.till, document, first=2)
    twenty = await statements(api.till, document, first=20)

    assert len(two) == len(twenty)


async def test_nodes_of_one_type_are_fetched_together(api: Api) -> None:
    ids = await twenty_customers(api)

    two = await statements(api.till, NODES, ids=[ids["Customer"][0], ids["Order"][0], ids["Entry"][0]])
    twenty = await statements(api.till, NODES, ids=[*ids["Customer"], *ids["Order"], *ids["Entry"]])

    assert len(two) == len(twenty)


async def test_a_batch_of_orders_takes_as_many_statements_for_twenty_as_for_two(api: Api) -> None:
    def input(name: str, count: int) -> dict[str, Any]:
        emails = [by_email(f"{name}{number}@example.com") for number in range(count)]
        orders = [an_order(f"{name}-{number}", customer=email) for number, email in enumerate(emails)]
        return {"idempotencyKey": name, "orders": orders}

    await api.till(RECORDED, input=input("first", 1))  # the shop and its programme are remembered from here on

    two = await statements(api.till, RECORDED, input=input("two", 2))
    twenty = await statements(api.till, RECORDED, input=input("twenty", 20))

    assert len(two) == len(twenty)


async def twenty_customers(api: Api) -> dict[str, list[str]]:
    """Register twenty customers with an order and a reward each; return the ids of them all by type."""
    ids: dict[str, list[str]] = {"Customer": [], "Order": [], "Entry": []}
    for number in range(20):
        email = f"c{number}@example.com"
        later = JOINED_AT + timedelta(minutes=number)
        row = await a_customer(shop=api.shop, email=email, first_name="Mari", balance_points=500, now=later)
        ids["Customer"].append(encoded("Customer", row.id))
        order = await done(
            api.till,
            "recordOrder",
            an_order(f"{number}", customer=by_email(email)),
            "... on OrderRecorded { order { id } entries { id } }",
        )
        ids["Order"].append(order["order"]["id"])
        ids["Entry"].append(order["entries"][0]["id"])
        redeem = {"idempotencyKey": f"{number}", "customerId": ids["Customer"][-1], "rewardId": "free-shipping"}
        await done(api.till, "redeemReward", redeem)
    return ids

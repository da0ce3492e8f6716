"""Who is let in where, and who is told what: every field of both schemas by everybody.

The tables say who may. A field that is new and stands in none fails here.
"""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from graphql import GraphQLObjectType, GraphQLSchema, get_named_type

from loyalty.access import Actor, Permission, Role
from loyalty.ledger.watching import BalanceNews
from schema.admin.root import AdminSchema
from schema.caller import Surroundings
from schema.context import Context
from schema.documents import Documents
from schema.execution import GuardedSchema
from schema.storefront.root import StorefrontSchema
from tests.support.api import CLOCK, Api
from tests.support.inputs import admin_inputs, storefront_inputs
from tests.support.selections import everything, one_field, ways
from tests.support.unions import members_of, mutations_of
from tests.support.world import EMAIL, World, a_world

P = Permission
UNLIMITED = 10**9

READERS = {"support", "marketer", "analyst", "admin", "key", "key of another shop"}
CARERS = {"support", "admin", "key", "key of another shop"}
ADMINS = {"admin", "key", "key of another shop"}
CUSTOMERS = {"anna", "bo"}
VISITORS = {"public"} | CUSTOMERS
"""Who there is at the storefront: server/auth.py makes nobody else."""

# Who is let in, and which scope a key needs for it.
ADMIN_ROOTS: dict[str, tuple[set[str], Permission]] = {
    "Query.customers": (READERS, P.CUSTOMERS_READ),
    "Query.customer": (READERS, P.CUSTOMERS_READ),
    "Query.orders": (READERS, P.ORDERS_READ),
    "Query.adjustments": (READERS, P.LEDGER_READ),
    "Query.programme": (READERS, P.PROGRAMME_READ),
    "Query.rewards": (READERS, P.REWARDS_READ),
    "Query.apiKeys": (ADMINS, P.KEYS_MANAGE),
    "Query.staff": (ADMINS, P.STAFF_READ),
    "Query.auditTrail": (ADMINS, P.AUDIT_READ),
    "Query.jobs": (READERS, P.JOBS_READ),
    "Query.jobRuns": (READERS, P.JOBS_READ),
    "Query.node": (READERS, P.CUSTOMERS_READ),  # asked for a customer; the others are in NODES
    "Query.nodes": (READERS, P.CUSTOMERS_READ),
    "Mutation.recordOrder": (CARERS, P.ORDERS_RECORD),
    "Mutation.recordOrders": (CARERS, P.ORDERS_RECORD),
    "Mutation.recordReturn": (CARERS, P.ORDERS_RECORD),
    "Mutation.cancelOrder": (CARERS, P.ORDERS_RECORD),
    "Mutation.enrolCustomer": (CARERS, P.CUSTOMERS_WRITE),
    "Mutation.updateCustomer": (CARERS, P.CUSTOMERS_WRITE),
    "Mutation.mergeCustomers": (CARERS, P.CUSTOMERS_WRITE),
    "Mutation.adjustBalance": (CARERS, P.LEDGER_ADJUST),
    "Mutation.approveAdjustment": (CARERS, P.LEDGER_APPROVE),
    "Mutation.rejectAdjustment": (CARERS, P.LEDGER_APPROVE),
    # The input names Bo's units: his own.
    "Mutation.redeemReward": (CARERS | {"bo"}, P.REWARDS_REDEEM),
    "Mutation.reserveReward": (CARERS | {"bo"}, P.REWARDS_REDEEM),
    "Mutation.captureReservation": (CARERS, P.REWARDS_REDEEM),
    "Mutation.voidReservation": (CARERS | CUSTOMERS, P.REWARDS_REDEEM),  # another's is not found
    "Mutation.createApiKey": (ADMINS, P.KEYS_MANAGE),
    "Mutation.revokeApiKey": (ADMINS, P.KEYS_MANAGE),
    "Mutation.inviteStaff": (ADMINS, P.STAFF_MANAGE),
}
NODES = {
    "customer": (READERS, P.CUSTOMERS_READ),
    "order": (READERS, P.ORDERS_READ),
    "entry": (READERS, P.LEDGER_READ),
    "entitlement": (READERS, P.REWARDS_READ),
    "adjustment": (READERS, P.LEDGER_READ),
    "staff": (ADMINS, P.STAFF_READ),
}
STOREFRONT_ROOTS: dict[str, set[str]] = {
    "Query.programme": VISITORS,
    "Query.rewards": VISITORS,
    "Query.quote": VISITORS,
    "Query.me": VISITORS,  # null for whoever is no customer
    "Query.node": VISITORS,  # null for what is not one's own
    "Query.nodes": VISITORS,
    "Mutation.enrol": {"public"} | CUSTOMERS,
    "Mutation.updateProfile": CUSTOMERS,
    "Mutation.redeemReward": CUSTOMERS,
    "Mutation.reserveReward": CUSTOMERS,
    "Mutation.voidReservation": CUSTOMERS,
    "Mutation.claimReceipt": CUSTOMERS,
    "Mutation.requestSignInLink": VISITORS,
    "Mutation.signIn": VISITORS,
    "Subscription.balanceChanged": CUSTOMERS,
}
NEEDS_MORE: dict[str, Permission] = {
    "Customer.wallets": P.LEDGER_READ,
    "Customer.wallet": P.LEDGER_READ,
    "Customer.entries": P.LEDGER_READ,
    "Customer.orders": P.ORDERS_READ,
    "Customer.entitlements": P.REWARDS_READ,
    "Order.customer": P.CUSTOMERS_READ,
    "Order.entries": P.LEDGER_READ,
    "Adjustment.customer": P.CUSTOMERS_READ,
    "OrderRecorded.member": P.CUSTOMERS_READ,
    "ReturnRecorded.member": P.CUSTOMERS_READ,
    "CustomerEnrolled.customer": P.CUSTOMERS_READ,
    "CustomerUpdated.customer": P.CUSTOMERS_READ,
    "CustomersMerged.customer": P.CUSTOMERS_READ,
    "BalanceAdjusted.customer": P.CUSTOMERS_READ,
}
"""Fields that need another permission than the field that led to them."""


def unlimited(schema: GuardedSchema) -> GuardedSchema:
    """Return the schema without limits on documents: the walk writes long ones."""
    schema.limits = replace(
        schema.limits,
        **dict.fromkeys(
            ("bytes", "tokens", "depth", "nesting", "aliases", "equal_names", "equal_names_over_types"), UNLIMITED
        ),
        **dict.fromkeys(("directives", "selections", "operations", "fragments", "cost"), UNLIMITED),
    )
    schema.documents = Documents(schema._schema, schema.limits)
    return schema


NEWS = BalanceNews("")
SURROUNDINGS = Surroundings(balance_news=lambda: NEWS, jobs=(("a-job", "daily", "because"),))
ADMIN = unlimited(AdminSchema(SURROUNDINGS))
STOREFRONT = unlimited(StorefrontSchema(SURROUNDINGS))


@pytest.fixture
async def world(api: Api) -> World:
    """Return a shop in which everything has happened once."""
    return await a_world(api)


def everybody(world: World) -> dict[str, Actor]:
    """Return all who ask, by name."""
    every = frozenset(P) - {P.LEDGER_POST}
    return {
        "public": Actor.public(shop_id=world.api.shop.id),
        "anna": Actor.customer(world.anna.id, shop_id=world.api.shop.id),
        "bo": Actor.customer(world.bo.id, shop_id=world.api.shop.id),
        **{role.value: Actor.staff(UUID(int=number), role) for number, role in enumerate(Role, start=1)},
        "key": Actor.key(UUID(int=11), every),
        "key without scope": Actor.key(UUID(int=12), frozenset()),
        "key of another shop": Actor.key(UUID(int=13), every, shop_id=world.outlet.id),
    }


async def told(schema: GuardedSchema, actor: Actor, document: str, **variables: Any) -> tuple[Any, list[str]]:
    """Return the data, and the codes of the errors."""
    result = await schema.execute(document, variables, Context(actor, CLOCK, request_id="r"))
    return result.data, [str((error.extensions or {}).get("code")) for error in result.errors or ()]


async def lets_in(schema: GuardedSchema, actor: Actor, document: str, **variables: Any) -> bool:
    """Tell whether the one field asked for was answered to this actor, if only by another refusal."""
    data, codes = await told(schema, actor, document, **variables)
    assert "INTERNAL" not in codes, (actor, document)
    assert not {"BAD_USER_INPUT", "COST_EXCEEDED"} & set(codes), (codes, document)
    if {"FORBIDDEN", "UNAUTHENTICATED"} & set(codes):
        return False
    if data is None:
        return codes == ["NOT_FOUND"]
    [answer] = data.values()
    return not (isinstance(answer, dict) and answer.get("__typename") == "NotPermitted")


def admin_calls(world: World) -> dict[str, str]:
    """Return the arguments with which each question of the admin schema is asked for what is Anna's."""
    customer = world.ids["customer"]
    ids = ", ".join(f'"{world.ids[name]}"' for name in NODES)
    return {
        "customers": '(first: 3, search: "canaryanna")',
        "customer": f'(id: "{customer}")',
        "orders": '(first: 3, externalId: "canary-1001")',
        "adjustments": f'(first: 3, customerId: "{customer}")',
        "programme": '(shop: "default")',
        "rewards": '(first: 3, shop: "default")',
        "apiKeys": "(first: 3)",
        "staff": "(first: 3)",
        "auditTrail": f'(first: 3, customerId: "{customer}")',
        "jobs": "",
        "jobRuns": "(first: 3)",
        "node": f'(id: "{customer}")',
        "nodes": f"(ids: [{ids}])",
    }


def storefront_calls(world: World) -> dict[str, str]:
    """Return the arguments with which each question of the storefront is asked, by Anna's ids."""
    ids = ", ".join(f'"{world.ids[name]}"' for name in ("member", "entry", "entitlement"))
    return {
        "programme": "",
        "rewards": "(first: 3)",
        "quote": '(input: { lines: [{ sku: "TEA", name: "Tea", quantity: 1, amountMinor: 90000 }] })',
        "me": "",
        "node": f'(id: "{world.ids["member"]}")',
        "nodes": f"(ids: [{ids}])",
    }


def query_type(schema: GuardedSchema) -> GraphQLObjectType:
    """Return the type of the questions."""
    assert schema._schema.query_type is not None
    return schema._schema.query_type


def mutation(schema: GraphQLSchema, name: str, selection: str) -> str:
    """Return the document of a mutation."""
    return f"mutation($input: {name[0].upper()}{name[1:]}Input!) {{ {name}(input: $input) {selection} }}"


@pytest.mark.parametrize(
    ("schema", "table"), [(ADMIN, ADMIN_ROOTS), (STOREFRONT, STOREFRONT_ROOTS)], ids=["admin", "storefront"]
)
def test_every_question_mutation_and_subscription_has_an_expectation(
    schema: GuardedSchema, table: Mapping[str, object]
) -> None:
    printed = schema._schema
    roots = [root for root in (printed.query_type, printed.mutation_type, printed.subscription_type) if root]

    assert {f"{root.name}.{name}" for root in roots for name in root.fields} == set(table)


class TestAdmin:
    async def test_a_question_lets_in_those_who_may_ask_and_nobody_else(self, world: World) -> None:
        for name, arguments in admin_calls(world).items():
            document = f"{{ {name}{'' if name == 'nodes' else arguments} {{ __typename }} }}"
            if name == "nodes":
                document = f'{{ nodes(ids: ["{world.ids["customer"]}"]) {{ __typename }} }}'
            may, _ = ADMIN_ROOTS[f"Query.{name}"]

            assert await let_in(ADMIN, world, document) == may, name

    async def test_a_node_is_fetched_by_those_who_may_read_its_type(self, world: World) -> None:
        for name, (may, permission) in NODES.items():
            document = f'{{ node(id: "{world.ids[name]}") {{ __typename }} }}'

            assert await let_in(ADMIN, world, document) == may, name
            assert await lets_in(ADMIN, Actor.key(UUID(int=21), frozenset({permission})), document)
            assert not await lets_in(ADMIN, Actor.key(UUID(int=22), frozenset(P) - {permission}), document)

    async def test_a_mutation_lets_in_those_who_may_and_nobody_else(self, world: World) -> None:
        for name, input in admin_inputs(world).items():
            document = mutation(ADMIN._schema, name, "{ __typename }")
            may, _ = ADMIN_ROOTS[f"Mutation.{name}"]

            if name != "mergeCustomers":
                assert await let_in(ADMIN, world, document, input=input) == may, name
        # Last, as it moves what is Bo's.
        merge = mutation(ADMIN._schema, "mergeCustomers", "{ __typename }")
        may, _ = ADMIN_ROOTS["Mutation.mergeCustomers"]
        assert await let_in(ADMIN, world, merge, input=admin_inputs(world)["mergeCustomers"]) == may

    async def test_a_key_needs_the_one_scope_and_no_other(self, world: World) -> None:
        for place, (_, permission) in ADMIN_ROOTS.items():
            kind, name = place.split(".")
            if kind == "Query":
                nodes = f'(ids: ["{world.ids["customer"]}"])'
                arguments = nodes if name == "nodes" else admin_calls(world)[name]
                document, variables = f"{{ {name}{arguments} {{ __typename }} }}", {}
            else:
                document = mutation(ADMIN._schema, name, "{ __typename }")
                variables = {"input": admin_inputs(world)[name]}

            all_others = Actor.key(UUID(int=31), frozenset(P) - {permission})
            assert not await lets_in(ADMIN, all_others, document, **variables), place
            this_alone = Actor.key(UUID(int=32), frozenset({permission}))
            assert await lets_in(ADMIN, this_alone, document, **variables), place

    async def test_each_field_of_each_type_is_told_to_whoever_was_let_in_or_needs_what_the_table_says(
        self, world: World
    ) -> None:
        starts = {name: given for name, given in admin_calls(world).items() if not name.startswith("node")}
        reached = ways(ADMIN._schema, query_type(ADMIN), starts)

        for type_name, (root, way) in reached.items():
            held = {
                ADMIN_ROOTS[f"Query.{root}"][1],
                *(one for place, one in NEEDS_MORE.items() if on_the_way(place, way)),
            }
            for field_name in ADMIN._schema.type_map[type_name].fields:  # type: ignore[attr-defined]
                document = "{ " + way % one_field(ADMIN._schema, type_name, field_name) + " }"
                more = NEEDS_MORE.get(f"{type_name}.{field_name}")
                enough = held if more is None else held | {more}

                assert await lets_in(ADMIN, Actor.key(UUID(int=41), frozenset(enough)), document), document
                if more is not None:
                    lacking = Actor.key(UUID(int=42), frozenset(P) - {more})
                    assert not await lets_in(ADMIN, lacking, document), document

    async def test_each_field_of_an_answer_is_told_to_whoever_may_act_or_needs_what_the_table_says(
        self, world: World
    ) -> None:
        inputs = admin_inputs(world)
        # Merging comes first: later Bo holds units for a checkout.
        for name in sorted(mutations_of(ADMIN._schema), key=lambda name: name != "mergeCustomers"):
            success = members_of(ADMIN._schema, name)[0]
            permission = ADMIN_ROOTS[f"Mutation.{name}"][1]
            for number, field_name in enumerate(ADMIN._schema.type_map[success].fields):  # type: ignore[attr-defined]
                selection = f"{{ __typename ... on {success} {one_field(ADMIN._schema, success, field_name)} }}"
                document = mutation(ADMIN._schema, name, selection)
                more = NEEDS_MORE.get(f"{success}.{field_name}")
                enough = frozenset({permission, *([more] if more else []), *_to_give(name)})
                # The same key again tells the same answer; where there is none, a new address makes a new one.
                input = inputs[name] | ({"email": f"kai{number}@example.com"} if name == "inviteStaff" else {})
                input = {key: value for key, value in input.items() if key not in ("expectedVersion", "birthday")}

                data, codes = await told(ADMIN, Actor.key(UUID(int=51), enough), document, input=input)
                assert (codes, data[name]["__typename"]) == ([], success), document
                if more is not None:
                    lacking = Actor.key(UUID(int=51), frozenset(P) - {more})
                    assert not await lets_in(ADMIN, lacking, document, input=input), document

    async def test_a_key_of_one_shop_reads_and_records_no_orders_of_another(self, world: World) -> None:
        theirs = everybody(world)["key of another shop"]
        document = """
        query($order: ID!, $customer: ID!) {
          orders(first: 9) { ...none }
          node(id: $order) { id }
          customer(id: $customer) { orders(first: 9) { ...none } }
        }
        fragment none on OrderConnection { totalCount nodes { id } }
        """
        nothing = {"totalCount": 0, "nodes": []}

        answer = await told(ADMIN, theirs, document, order=world.ids["order"], customer=world.ids["customer"])

        assert answer == ({"orders": nothing, "node": None, "customer": {"orders": nothing}}, [])
        for name in ("recordOrder", "recordReturn", "cancelOrder"):
            asked = mutation(ADMIN._schema, name, "{ __typename }")
            data, _ = await told(ADMIN, theirs, asked, input=admin_inputs(world)[name])
            assert data == {name: {"__typename": "NotFound"}}


def on_the_way(place: str, way: str) -> bool:
    """Tell whether a way leads through a field that needs more."""
    return re.search(rf"\b{place.split('.')[1]}\b", way.partition(" ")[2]) is not None


def _to_give(name: str) -> set[Permission]:
    """Return what a key must have itself to give it away."""
    roles = {P.CUSTOMERS_READ, P.CUSTOMERS_WRITE, P.ORDERS_READ, P.LEDGER_READ, P.LEDGER_ADJUST, P.LEDGER_APPROVE}
    roles |= {P.REWARDS_READ, P.REWARDS_REDEEM, P.PROGRAMME_READ, P.JOBS_READ, P.ORDERS_RECORD}
    return {"createApiKey": {P.ORDERS_RECORD}, "inviteStaff": roles}.get(name, set())


class TestStorefront:
    async def test_a_question_lets_in_those_who_may_ask_and_nobody_else(self, world: World) -> None:
        for name, arguments in storefront_calls(world).items():
            document = f"{{ {name}{arguments} {{ __typename }} }}"

            assert await let_in(STOREFRONT, world, document) == STOREFRONT_ROOTS[f"Query.{name}"], name

    async def test_a_mutation_lets_in_those_who_may_and_nobody_else(self, world: World) -> None:
        for name, input in storefront_inputs(world).items():
            document = mutation(STOREFRONT._schema, name, "{ __typename }")

            assert await let_in(STOREFRONT, world, document, input=input) == STOREFRONT_ROOTS[f"Mutation.{name}"], name

    async def test_a_balance_is_watched_by_its_owner_alone(self, world: World) -> None:
        watching = set()
        for name, actor in everybody(world).items():
            results = await STOREFRONT.stream("subscription { balanceChanged { unit } }", {}, Context(actor, CLOCK))
            first = await anext(results)
            await results.aclose()
            if first.errors is None:
                watching.add(name)

        assert watching == STOREFRONT_ROOTS["Subscription.balanceChanged"]


async def let_in(schema: GuardedSchema, world: World, document: str, **variables: Any) -> set[str]:
    """Return the names of those, out of everybody or the storefront's visitors, to whom the field was answered."""
    asking = {name: one for name, one in everybody(world).items() if schema is ADMIN or name in VISITORS}
    return {name for name, actor in asking.items() if await lets_in(schema, actor, document, **variables)}


def traces_of_anna(world: World) -> re.Pattern[str]:
    """Return what only Anna's data hold: canaries in her fields, her numbers, and ids that nobody asked by."""
    anna = world.anna
    told = ["canary", "1987-06-05", "5123.?4567", anna.member_number, str(anna.id), anna.id.hex]
    return re.compile("|".join(told), re.IGNORECASE)


class TestNothingOfAnnaIsTold:
    """Everything the schemas can tell is asked by those who may not know it, by Anna's ids and identifiers."""

    @pytest.mark.parametrize("who", ["public", "bo"])
    async def test_by_the_storefront(self, world: World, who: str) -> None:
        actor, traces = everybody(world)[who], traces_of_anna(world)
        whole = STOREFRONT._schema

        for name, arguments in storefront_calls(world).items():
            document = f"{{ {name}{arguments} {everything(whole, named(query_type(STOREFRONT), name))} }}"
            data, codes = await told(STOREFRONT, actor, document)

            assert "INTERNAL" not in codes, document
            assert not traces.search(repr(data)), name
        for name, input in storefront_inputs(world).items():
            if name == "claimReceipt":
                continue  # whoever holds a bearer's receipt may claim it
            selection = everything(whole, named(whole.mutation_type, name))
            for changed in ({}, {"email": EMAIL}) if "email" in input else ({},):
                data, codes = await told(STOREFRONT, actor, mutation(whole, name, selection), input=input | changed)

                assert "INTERNAL" not in codes, name
                assert not traces.search(repr(data)), name

    @pytest.mark.parametrize("who", ["public", "bo", "key without scope"])
    async def test_by_the_admin_schema(self, world: World, who: str) -> None:
        actor, traces = everybody(world)[who], traces_of_anna(world)
        whole = ADMIN._schema
        asked = {
            **admin_calls(world),
            **{f"node{number}": f'(id: "{world.ids[name]}")' for number, name in enumerate(NODES)},
        }

        for name, arguments in asked.items():
            field = re.sub(r"\d", "", name)
            document = f"{{ {field}{arguments} {everything(whole, named(query_type(ADMIN), field))} }}"
            data, codes = await told(ADMIN, actor, document)

            assert "INTERNAL" not in codes, document
            assert not traces.search(repr(data)), name
        for name, input in admin_inputs(world).items():
            selection = everything(whole, named(whole.mutation_type, name))
            data, codes = await told(ADMIN, actor, mutation(whole, name, selection), input=input)

            assert "INTERNAL" not in codes, name
            assert not traces.search(repr(data)), name

    async def test_while_whoever_may_know_it_is_told_all_of_it(self, world: World) -> None:
        """The same documents tell Anna of herself, and a key with every scope: so they do ask for it."""
        anna, traces = everybody(world)["anna"], traces_of_anna(world)
        mine = f"{{ me {everything(STOREFRONT._schema, named(query_type(STOREFRONT), 'me'))} }}"
        hers = f"{{ customer{admin_calls(world)['customer']} "
        hers += f"{everything(ADMIN._schema, named(query_type(ADMIN), 'customer'))} }}"

        data, codes = await told(STOREFRONT, anna, mine)
        assert codes == []
        assert {"canary", "1987-06-05"} <= {found.lower() for found in traces.findall(repr(data))}
        data, codes = await told(ADMIN, everybody(world)["key"], hers)
        assert codes == []
        for value in ("Canaryanna", "Canarysen", EMAIL, "CANARY-CARD-1", "CANARY-BARCODE-1", "canary-external-1"):
            assert value in repr(data)
        assert "Canary tea" in repr(data)


def named(root: GraphQLObjectType | None, field_name: str) -> Any:
    """Return the type a root field answers."""
    assert root is not None
    return get_named_type(root.fields[field_name].type)


async def test_a_thousand_interleaved_requests_of_two_customers_are_each_answered_their_own(world: World) -> None:
    """What was loaded for one is never another's."""
    actors = everybody(world)
    document = "{ me { id email wallet { availablePoints } entries(first: 5) { nodes { id explanation } } } }"
    alone = {name: await told(STOREFRONT, actors[name], document) for name in ("anna", "bo")}

    assert alone["anna"] != alone["bo"]
    for _ in range(50):
        names = ["anna", "bo"] * 10
        answers = await asyncio.gather(*(told(STOREFRONT, actors[name], document) for name in names))

        assert answers == [alone[name] for name in names]


async def test_everybody_is_told_each_field_of_each_type_or_nothing_of_it(world: World) -> None:
    """Whoever reads customers, orders and balances reads all of them; whoever does not is told none of their fields."""
    starts = {name: given for name, given in admin_calls(world).items() if not name.startswith("node")}
    asking = everybody(world)

    for type_name, (root, way) in ways(ADMIN._schema, query_type(ADMIN), starts).items():
        may, _ = ADMIN_ROOTS[f"Query.{root}"]
        for field_name in ADMIN._schema.type_map[type_name].fields:  # type: ignore[attr-defined]
            document = "{ " + way % one_field(ADMIN._schema, type_name, field_name) + " }"
            told_to = {name for name, actor in asking.items() if await lets_in(ADMIN, actor, document)}

            assert told_to == may, document


@pytest.mark.parametrize("schema", [ADMIN, STOREFRONT], ids=["admin", "storefront"])
async def test_no_type_escapes_the_walk(world: World, schema: GuardedSchema) -> None:
    whole = schema._schema
    calls = admin_calls(world) if schema is ADMIN else storefront_calls(world)
    reached = set(ways(whole, query_type(schema), calls))
    answers = {member for name in mutations_of(whole) for member in members_of(whole, name)}
    told_by_answers = " ".join(everything(whole, named(whole.mutation_type, name)) for name in mutations_of(whole))
    roots = {root.name for root in (whole.query_type, whole.mutation_type, whole.subscription_type) if root}

    types = {
        name for name, type_ in whole.type_map.items() if isinstance(type_, GraphQLObjectType) and name[:2] != "__"
    }

    assert types - reached - answers - roots - set(re.findall(r"\bon (\w+)", told_by_answers)) == set()

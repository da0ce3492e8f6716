"""What both schemas promise in every corner (the committed text and its changes: tests/server/test_export.py)."""

from collections.abc import Iterator

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    get_named_type,
    is_specified_scalar_type,
)

from schema.admin.root import NODES as ADMIN_NODES
from schema.admin.root import AdminSchema
from schema.cost import unbounded_lists
from schema.storefront.root import NODES as STOREFRONT_NODES
from schema.storefront.root import StorefrontSchema
from tests.support.unions import members_of, mutations_of

STOREFRONT = StorefrontSchema()._schema
ADMIN = AdminSchema()._schema
BOTH = pytest.mark.parametrize("schema", [STOREFRONT, ADMIN], ids=["storefront", "admin"])

MOVES_NO_VALUE = {
    "enrol": "told nothing, a stranger cannot be told of a replay; done twice, it does nothing",
    "updateProfile": "expectedVersion keeps a change from being made twice",
    "updateCustomer": "expectedVersion keeps a change from being made twice",
    "requestSignInLink": "a second letter does no harm",
    "signIn": "the link itself is good once",
    "createApiKey": "a secret is shown once and cannot be told again",
    "revokeApiKey": "twice changes nothing",
    "inviteStaff": "a second invitation takes the place of the first",
}
"""Mutations without an idempotency key, and why they do without."""


def types_of(schema: GraphQLSchema) -> Iterator[GraphQLNamedType]:
    for type_ in schema.type_map.values():
        if not type_.name.startswith("__") and not is_specified_scalar_type(type_):
            yield type_


def fields_of(schema: GraphQLSchema) -> Iterator[tuple[str, GraphQLField]]:
    for type_ in types_of(schema):
        if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
            yield from ((f"{type_.name}.{name}", field) for name, field in type_.fields.items())


@BOTH
def test_every_type_field_argument_and_input_says_what_it_is(schema: GraphQLSchema) -> None:
    silent = [type_.name for type_ in types_of(schema) if not type_.description]
    for place, field in fields_of(schema):
        silent += [] if field.description else [place]
        silent += [f"{place}({name}:)" for name, argument in field.args.items() if not argument.description]
    for type_ in types_of(schema):
        if isinstance(type_, GraphQLInputObjectType):
            silent += [f"{type_.name}.{name}" for name, field in type_.fields.items() if not field.description]

    assert silent == []


@BOTH
def test_descriptions_are_sentences(schema: GraphQLSchema) -> None:
    texts = {place: field.description for place, field in fields_of(schema)}
    texts |= {type_.name: type_.description for type_ in types_of(schema)}

    assert [place for place, text in texts.items() if text and not text.rstrip().endswith((".", "…", '"'))] == []


@BOTH
def test_a_list_in_pages_asks_for_the_size_of_the_page(schema: GraphQLSchema) -> None:
    lacking = []
    for place, field in fields_of(schema):
        if get_named_type(field.type).name.endswith("Connection"):
            first = field.args.get("first")
            if first is None or not isinstance(first.type, GraphQLNonNull) or "after" not in field.args:
                lacking.append(place)

    assert lacking == []


@BOTH
def test_every_other_list_of_objects_says_how_long_it_may_be(schema: GraphQLSchema) -> None:
    assert unbounded_lists(schema) == []


def test_the_storefront_tells_nothing_in_unspecified_json() -> None:
    assert not [name for name in STOREFRONT.type_map if "json" in name.lower() or name == "Any"]


@BOTH
def test_every_mutation_takes_one_input_and_answers_a_union_of_a_success_and_refusals(schema: GraphQLSchema) -> None:
    assert schema.mutation_type is not None
    refusal = schema.type_map["Refusal"]
    assert isinstance(refusal, GraphQLInterfaceType)
    for mutation, field in schema.mutation_type.fields.items():
        assert list(field.args) == ["input"], mutation
        assert isinstance(field.args["input"].type, GraphQLNonNull), mutation
        assert isinstance(get_named_type(field.type), GraphQLUnionType), mutation
        success, *others = [schema.type_map[name] for name in members_of(schema, mutation)]
        assert refusal not in success.interfaces, mutation  # type: ignore[attr-defined]
        no_refusals = [other.name for other in others if refusal not in other.interfaces]  # type: ignore[attr-defined]
        assert set(no_refusals) <= {"AdjustmentAwaitsApproval", "ReturnAwaitsOrder"}, mutation
        assert {"NotPermitted", "NotFound", "Invalid", "TryAgain"} <= {other.name for other in others}, mutation


@BOTH
def test_what_moves_value_takes_a_key_and_says_whether_it_was_told_again(schema: GraphQLSchema) -> None:
    assert schema.mutation_type is not None
    for mutation in mutations_of(schema):
        if mutation in MOVES_NO_VALUE:
            continue
        input = get_named_type(schema.mutation_type.fields[mutation].args["input"].type)
        key = str(input.fields["idempotencyKey"].type)
        # Enrolling is harmless twice, so its key is welcome and not needed.
        assert key == ("String" if mutation == "enrolCustomer" else "String!"), mutation
        for name in set(members_of(schema, mutation)) & successes(schema):
            assert str(schema.type_map[name].fields["replayed"].type) == "Boolean!", name  # type: ignore[attr-defined]
        assert {"IdempotencyMismatch", "IdempotencyKeyInvalid"} <= set(members_of(schema, mutation)), mutation


def successes(schema: GraphQLSchema) -> set[str]:
    """Return the names of what is no refusal."""
    refusal = schema.type_map["Refusal"]
    return {
        type_.name
        for type_ in types_of(schema)
        if isinstance(type_, GraphQLObjectType) and refusal not in type_.interfaces
    }


@BOTH
def test_amounts_say_their_unit_in_their_names_and_are_large_enough(schema: GraphQLSchema) -> None:
    """A quantity of units ends in `points`, an amount of money in `Minor`; both pass 2^31."""
    narrow = [
        place
        for place, field in fields_of(schema)
        if place.lower().endswith(("points", "minor")) and get_named_type(field.type).name != "BigInt"
    ]

    assert narrow == []


@pytest.mark.parametrize(("schema", "nodes"), [(STOREFRONT, STOREFRONT_NODES), (ADMIN, ADMIN_NODES)])
def test_whatever_has_an_id_of_its_own_can_be_fetched_by_it(schema: GraphQLSchema, nodes: dict[str, object]) -> None:
    node = schema.type_map["Node"]
    assert isinstance(node, GraphQLInterfaceType)

    assert {type_.name for type_ in schema.get_implementations(node).objects} == set(nodes)


@BOTH
def test_values_of_enumerations_are_capitals(schema: GraphQLSchema) -> None:
    assert not [
        f"{type_.name}.{value}"
        for type_ in types_of(schema)
        if isinstance(type_, GraphQLEnumType)
        for value in type_.values
        if value != value.upper()
    ]


def test_the_names_other_programs_are_written_against_are_there() -> None:
    """The names of the first contract, one by one."""
    query, mutation = ADMIN.query_type, ADMIN.mutation_type
    assert query is not None
    assert mutation is not None
    assert {"customers", "customer", "orders", "adjustments", "auditTrail", "jobs", "jobRuns", "staff"} <= set(
        query.fields
    )
    assert {
        *("recordOrder", "recordOrders", "recordReturn", "cancelOrder", "enrolCustomer", "updateCustomer"),
        *("mergeCustomers", "adjustBalance", "approveAdjustment", "rejectAdjustment", "redeemReward", "reserveReward"),
        *("captureReservation", "voidReservation", "createApiKey", "revokeApiKey", "inviteStaff"),
    } <= set(mutation.fields)
    order = get_named_type(mutation.fields["recordOrder"].args["input"].type)
    assert set(order.fields) == {
        *("idempotencyKey", "shop", "externalId", "placedAt", "currency", "customer", "lines", "discountMinor"),
        *("shippingMinor", "taxMinor", "totalMinor", "couponCodes", "channel"),
    }
    line = get_named_type(order.fields["lines"].type)
    assert set(line.fields) == {
        *("sku", "name", "category", "brand", "quantity", "amountMinor", "listAmountMinor", "costMinor", "giftCard"),
    }
    member = STOREFRONT.type_map["Member"]
    assert {
        *("id", "memberNumber", "displayName", "email", "birthday", "locale", "wallets", "wallet", "tier", "entries"),
        "entitlements",
    } <= set(member.fields)  # type: ignore[attr-defined]

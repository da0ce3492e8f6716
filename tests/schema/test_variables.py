"""The quick way of variables, against graphql-core's own."""

from typing import Any

import pytest
from graphql import DocumentNode, GraphQLError, GraphQLSchema, OperationDefinitionNode, build_schema, parse
from graphql.execution.values import get_variable_values

from schema.variables import PlannedExecutor

SCHEMA = build_schema("""
enum Channel { WEB POS }
input Line { sku: String!, amount: Int!, tags: [String!], gift: Boolean = false }
input Order { key: ID!, lines: [Line!]!, note: String, channel: Channel, also: Order }
input Either @oneOf { card: String, email: String }
type Query { record(order: Order, either: Either, number: Int, words: [String]): Int }
""")
DOCUMENTS = {
    "order": "query A($order: Order!) { record(order: $order) }",
    "either": "query A($either: Either) { record(either: $either) }",
    "number": "query A($number: Int = 7, $words: [String]) { record(number: $number, words: $words) }",
    "words": "query A($words: [String]) { record(words: $words) }",
}
GOOD = {"key": "a", "lines": [{"sku": "1", "amount": 2}]}
CASES: list[tuple[str, dict[str, Any]]] = [
    ("order", {"order": GOOD}),
    ("order", {"order": {**GOOD, "note": None, "channel": "POS"}, "unasked": 1}),
    ("order", {"order": {**GOOD, "lines": []}}),
    ("order", {"order": {**GOOD, "lines": {"sku": "1", "amount": 2, "tags": "one"}}}),
    ("order", {"order": {**GOOD, "lines": [{"sku": "1", "amount": 2, "gift": None, "tags": ["x"]}]}}),
    ("order", {"order": {**GOOD, "also": {**GOOD, "also": GOOD}}}),
    ("order", {"order": {**GOOD, "unknown": 1}}),
    ("order", {"order": {**GOOD, "channel": "MOON"}}),
    ("order", {"order": {**GOOD, "lines": [None]}}),
    ("order", {"order": {**GOOD, "lines": [{"sku": 1, "amount": "2"}, {"amount": 2**40}]}}),
    ("order", {"order": {"lines": []}}),
    ("order", {"order": None}),
    ("order", {"order": [GOOD]}),
    ("order", {}),
    ("either", {"either": {"card": "1"}}),
    ("either", {"either": {"card": "1", "email": "a"}}),
    ("either", {"either": {"card": None}}),
    ("number", {}),
    ("number", {"number": None, "words": ["a", None]}),
    ("number", {"number": 2.5}),
    ("words", {}),
    ("words", {"words": "alone"}),
    ("words", {"words": [["deep"]]}),
]


@pytest.mark.parametrize(("name", "given"), CASES)
def test_variables_come_out_as_graphql_core_has_them(name: str, given: dict[str, Any]) -> None:
    document = parse(DOCUMENTS[name])

    planned = _through_the_executor(SCHEMA, document, given)

    assert planned == _as_graphql_core(SCHEMA, document, given)


def test_a_plan_serves_every_request_of_its_document() -> None:
    document = parse(DOCUMENTS["order"])

    first = _through_the_executor(SCHEMA, document, {"order": GOOD})
    bad = _through_the_executor(SCHEMA, document, {"order": {"key": "a"}})
    second = _through_the_executor(SCHEMA, document, {"order": {**GOOD, "note": "again"}})

    assert first == {"order": {"key": "a", "lines": [{"sku": "1", "amount": 2, "gift": False}]}}
    assert isinstance(bad, list)
    assert second == {"order": {"key": "a", "lines": [{"sku": "1", "amount": 2, "gift": False}], "note": "again"}}


def test_the_operation_keeps_its_variables_for_whoever_asks() -> None:
    document = parse(DOCUMENTS["order"])

    built = PlannedExecutor.build(SCHEMA, document, raw_variable_values={"order": GOOD})

    assert not isinstance(built, list)
    assert built.operation is document.definitions[0]


def _through_the_executor(schema: GraphQLSchema, document: DocumentNode, given: dict[str, Any]) -> Any:
    built = PlannedExecutor.build(schema, document, raw_variable_values=given)
    return _messages(built) if isinstance(built, list) else built.variable_values.coerced


def _as_graphql_core(schema: GraphQLSchema, document: DocumentNode, given: dict[str, Any]) -> Any:
    [operation] = document.definitions
    assert isinstance(operation, OperationDefinitionNode)
    values = get_variable_values(schema, operation.variable_definitions or (), given)
    return _messages(values) if isinstance(values, list) else values.coerced


def _messages(errors: list[GraphQLError]) -> list[str]:
    return [error.message for error in errors]

"""What an operation may cost, known before it runs: from the document, `first` and the variables.

The formula is published in docs/api/cost.md. An object costs 1, a value nothing, a mutation 10; what stands below a
list counts once for each row the list may have. `@cost` in the schema says where it is otherwise.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import strawberry
from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
)
from strawberry.schema_directive import Location

FIRST_MAX = 100
ROWS_ASSUMED = 10
"""Rows of a list that has neither `first` nor `@cost(rows:)`."""
MUTATION_WEIGHT = 10
SIZED = frozenset({"edges", "nodes", "results"})
"""Fields whose length the field above them was told: by `first`, or by the list it was given."""

Variables = Mapping[str, Any]
Measure = int | Callable[[Variables], int]
"""A number, or how to get it from the variables."""


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    description="What the field costs where the rule of docs/api/cost.md is wrong.",
)
class Cost:
    """A weight other than the rule's, the list it is multiplied by, or the rows a list may have."""

    weight: int | None = strawberry.UNSET
    items: str | None = strawberry.UNSET
    """Path of the argument whose length multiplies the weight: "input.orders"."""
    rows: int | None = strawberry.UNSET


@dataclass(frozen=True)
class Priced:
    """An operation whose cost can be told for given variables."""

    measure: Measure
    defaults: Mapping[str, Any]

    def cost(self, variables: Variables | None) -> int:
        """Return what the operation costs with these variables."""
        if isinstance(self.measure, int):
            return self.measure
        return self.measure({**self.defaults, **(variables or {})})


def sum_of(measures: Iterable[Measure]) -> Measure:
    """Return the sum; only what depends on variables waits for them."""
    fixed, waiting = 0, []
    for measure in measures:
        if isinstance(measure, int):
            fixed += measure
        else:
            waiting.append(measure)
    if not waiting:
        return fixed
    return lambda variables: fixed + sum(measure(variables) for measure in waiting)


def most_of(measures: Sequence[Measure]) -> Measure:
    """Return the largest, or nothing of nothing."""
    if all(isinstance(measure, int) for measure in measures):
        return max((measure for measure in measures if isinstance(measure, int)), default=0)
    return lambda variables: max(_at(measure, variables) for measure in measures)


def product_of(left: Measure, right: Measure) -> Measure:
    """Return the product."""
    if isinstance(left, int) and isinstance(right, int):
        return left * right
    if left == 0 or right == 0:
        return 0
    return lambda variables: _at(left, variables) * _at(right, variables)


def _at(measure: Measure, variables: Variables) -> int:
    return measure if isinstance(measure, int) else measure(variables)


@dataclass(frozen=True)
class _Price:
    """What the schema says of one field."""

    type: GraphQLNamedType
    weight: int
    items: tuple[str, ...]
    takes_first: bool
    listed: bool
    rows: int
    """Rows of the list it is; 1 for what is no list."""


class Prices:
    """The prices of one schema's fields."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self._by_field: dict[tuple[str, str], _Price | None] = {}

    def price(self, operation: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]) -> Priced:
        """Return the operation's price. The document has passed the guard; it need not be valid."""
        root = self._schema.get_root_type(operation.operation)
        weight = MUTATION_WEIGHT if operation.operation is OperationType.MUTATION else None
        measure = self._selections(operation.selection_set, root, None, fragments, weight) if root else 0
        return Priced(measure, _defaults(operation))

    def of(self, parent: GraphQLNamedType, name: str) -> _Price | None:
        """Return the price of a field, or None where there is no such field."""
        key = (parent.name, name)
        if key not in self._by_field:
            fields = parent.fields if isinstance(parent, GraphQLObjectType | GraphQLInterfaceType) else {}
            self._by_field[key] = _price(fields[name]) if name in fields else None
            if len(self._by_field) > 50_000:  # misspelt names of hostile documents
                self._by_field.clear()
                return _price(fields[name]) if name in fields else None
        return self._by_field[key]

    def _selections(
        self,
        selected: SelectionSetNode,
        parent: GraphQLNamedType,
        size: Measure | None,
        fragments: Mapping[str, FragmentDefinitionNode],
        root_weight: int | None = None,
    ) -> Measure:
        """Return what a selection set costs: all that holds for every type, and the dearest of those that exclude
        each other.
        """
        always: list[Measure] = []
        by_type: dict[str, list[Measure]] = {}
        for node in selected.selections:
            if isinstance(node, FieldNode):
                always.append(self._field(node, parent, size, fragments, root_weight))
                continue
            type_, below = self._within(node, parent, fragments)
            cost = self._selections(below, type_, size, fragments, root_weight)
            exclusive = isinstance(type_, GraphQLObjectType) and type_ is not parent
            (by_type.setdefault(type_.name, []) if exclusive else always).append(cost)
        always.append(most_of([sum_of(costs) for costs in by_type.values()]))
        return sum_of(always)

    def _within(
        self, node: Any, parent: GraphQLNamedType, fragments: Mapping[str, FragmentDefinitionNode]
    ) -> tuple[GraphQLNamedType, SelectionSetNode]:
        if isinstance(node, FragmentSpreadNode):
            node = fragments[node.name.value]
        assert isinstance(node, InlineFragmentNode | FragmentDefinitionNode)
        named = self._schema.get_type(node.type_condition.name.value) if node.type_condition else parent
        return named or parent, node.selection_set

    def _field(
        self,
        node: FieldNode,
        parent: GraphQLNamedType,
        size: Measure | None,
        fragments: Mapping[str, FragmentDefinitionNode],
        root_weight: int | None,
    ) -> Measure:
        price = self.of(parent, node.name.value)
        if price is None:
            return 0
        weight = price.weight if root_weight is None else max(price.weight, root_weight)
        told = _told(node, price)
        below: Measure = 0
        if node.selection_set:
            below = self._selections(node.selection_set, price.type, told, fragments)
        if price.items and told is not None and not price.listed:
            return sum_of([product_of(weight, told), below])
        rows: Measure = size if size is not None and node.name.value in SIZED else price.rows
        rows = told if price.items and told is not None else rows
        return product_of(rows, sum_of([weight, below]))


def _price(field: GraphQLField) -> _Price:
    named = get_named_type(field.type)
    composite = isinstance(named, GraphQLObjectType | GraphQLInterfaceType | GraphQLUnionType)
    said = _said(field)
    free = not composite or named.name == "PageInfo" or named.name.endswith("Edge") or named.name.startswith("__")
    listed = composite and isinstance(get_nullable_type(field.type), GraphQLList)
    by_ids = ("ids",) if listed and "ids" in field.args else ()
    return _Price(
        type=named,
        weight=said.weight if said and isinstance(said.weight, int) else 0 if free else 1,
        items=tuple(said.items.split(".")) if said and isinstance(said.items, str) else by_ids,
        takes_first="first" in field.args,
        listed=listed,
        rows=(said.rows if said and isinstance(said.rows, int) else ROWS_ASSUMED) if listed else 1,
    )


def _said(field: GraphQLField) -> Cost | None:
    definition = field.extensions.get("strawberry-definition")
    return next((said for said in getattr(definition, "directives", ()) if isinstance(said, Cost)), None)


def _told(node: FieldNode, price: _Price) -> Measure | None:
    """Return how many rows the call asks for, or how many things it hands over."""
    arguments = {argument.name.value: argument.value for argument in node.arguments or ()}
    if price.items:
        return _length(arguments.get(price.items[0]), price.items[1:])
    if price.takes_first:
        return _first(arguments.get("first"))
    return None


def _first(value: ValueNode | None) -> Measure:
    if isinstance(value, IntValueNode) and len(value.value) < 10:
        return _clamped(int(value.value))
    if isinstance(value, VariableNode):
        name = value.name.value
        return lambda variables: _clamped(variables.get(name))
    return FIRST_MAX


def _clamped(first: object) -> int:
    return min(max(first, 0), FIRST_MAX) if isinstance(first, int) else FIRST_MAX


def _length(value: ValueNode | None, path: Sequence[str]) -> Measure:
    """Return the length of the list at `path` below an argument, wherever on the way a variable takes over."""
    if isinstance(value, VariableNode):
        name = value.name.value
        return lambda variables: _length_of(variables.get(name), path)
    if isinstance(value, ObjectValueNode) and path:
        inner = next((field.value for field in value.fields if field.name.value == path[0]), None)
        return _length(inner, path[1:])
    return len(value.values) if isinstance(value, ListValueNode) else 1


def _length_of(value: object, path: Sequence[str]) -> int:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return len(value) if isinstance(value, list) else 1


def _defaults(operation: OperationDefinitionNode) -> dict[str, Any]:
    """Return the defaults that can matter here: numbers, and the lengths of lists."""
    defaults: dict[str, Any] = {}
    for definition in operation.variable_definitions or ():
        value = definition.default_value
        if isinstance(value, IntValueNode) and len(value.value) < 10:
            defaults[definition.variable.name.value] = int(value.value)
        elif isinstance(value, ListValueNode):
            defaults[definition.variable.name.value] = [None] * len(value.values)
    return defaults


def unbounded_lists(schema: GraphQLSchema) -> list[str]:
    """Return the lists of objects whose length nobody has stated: neither `first`, nor `@cost(rows:)`.

    For a test over the real schemas: each of them should be empty-handed here.
    """
    return sorted(
        f"{type_.name}.{name}"
        for type_ in schema.type_map.values()
        if isinstance(type_, GraphQLObjectType) and not type_.name.startswith("__")
        for name, field in type_.fields.items()
        if isinstance(get_nullable_type(field.type), GraphQLList)
        and isinstance(get_named_type(field.type), GraphQLObjectType | GraphQLInterfaceType | GraphQLUnionType)
        and "ids" not in field.args
        and not (name in SIZED and type_ not in (schema.query_type, schema.mutation_type))
        and not isinstance(getattr(_said(field), "rows", None), int)
    )

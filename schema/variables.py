"""Variables coerced by a plan that is made once per document.

graphql-core asks of every value again what kind of type it should have. A plan asks once per type; it knows only the
ways of good values. At the first value that is not good it gives up, and graphql-core goes through all of them its own
way, default by default and error by error: so what is accepted, and what is said of what is not, is graphql-core's.
"""

from collections.abc import Callable, Mapping
from typing import Any
from weakref import ref

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    OperationDefinitionNode,
    Undefined,
)
from graphql.execution import Executor
from graphql.execution.get_variable_signature import GraphQLVariableSignature, get_variable_signature
from graphql.execution.values import VariableValues, VariableValueSource
from graphql.type import is_required_input_field
from graphql.utilities.coerce_input_value import coerce_default_value
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

Coerce = Callable[[Any], Any]

_REQUIRED = object()


class _Unplanned(Exception):
    """This value is graphql-core's to judge."""


class PlannedExecutor(StrawberryGraphQLCoreExecutionContext):
    """graphql-core's executor, with a quick way for variables that are good."""

    @classmethod
    def build(
        cls,
        schema: GraphQLSchema,
        document: DocumentNode,
        root_value: Any = None,
        context_value: Any = None,
        raw_variable_values: dict[str, Any] | None = None,
        operation_name: str | None = None,
        *others: Any,
        **more: Any,
    ) -> list[GraphQLError] | Executor[Any]:
        """Build an executor whose variables are coerced."""
        planned = _planned(schema, document, operation_name)
        try:
            values = planned.values(raw_variable_values or {}) if planned else None
        except Exception:  # of whatever kind: a scalar may raise anything for a bad value
            values = None
        if planned is None or values is None:
            return super().build(
                schema, document, root_value, context_value, raw_variable_values, operation_name, *others, **more
            )
        built = super().build(
            schema, planned.document, root_value, context_value, None, operation_name, *others, **more
        )
        if not isinstance(built, list):
            built.operation, built.variable_values = planned.operation, values
        return built


class _Plan:
    """How the variables of one operation are coerced."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode) -> None:
        self.operation = operation
        self.document = _without_variables(document, operation)
        self._variables: list[tuple[GraphQLVariableSignature, Coerce]] = []
        plans: dict[str, Coerce] = {}
        for defined in operation.variable_definitions or ():
            signature = get_variable_signature(schema, defined)
            if isinstance(signature, GraphQLError) or signature.default is not None:
                raise _Unplanned
            self._variables.append((signature, _coercing(signature.type, plans)))

    def values(self, given: Mapping[str, Any]) -> VariableValues:
        """Return the values, coerced.

        Raises:
            Exception: one of them is not good, or is absent and must not be.
        """
        sources: dict[str, VariableValueSource] = {}
        coerced: dict[str, Any] = {}
        for signature, coerce in self._variables:
            name = signature.name
            if name in given:
                value = given[name]
                coerced[name] = coerce(value)
                sources[name] = VariableValueSource(signature, value)
            elif isinstance(signature.type, GraphQLNonNull):
                raise _Unplanned
            else:
                sources[name] = VariableValueSource(signature)
        return VariableValues(sources, coerced)


_plans: dict[tuple[int, str | None], tuple[ref[DocumentNode], ref[GraphQLSchema], _Plan | None]] = {}


def _planned(schema: GraphQLSchema, document: DocumentNode, operation_name: str | None) -> _Plan | None:
    """Return the plan of an operation, or None where there is none; kept for as long as its document is."""
    key = (id(document), operation_name)
    known = _plans.get(key)
    if known is not None and known[0]() is document and known[1]() is schema:
        return known[2]
    plan = _plan(schema, document, operation_name)
    _plans[key] = (ref(document, lambda _: _plans.pop(key, None)), ref(schema), plan)
    return plan


def _plan(schema: GraphQLSchema, document: DocumentNode, operation_name: str | None) -> _Plan | None:
    operations = [
        node
        for node in document.definitions
        if isinstance(node, OperationDefinitionNode)
        and (operation_name is None or (node.name is not None and node.name.value == operation_name))
    ]
    if len(operations) != 1 or not operations[0].variable_definitions:
        return None
    try:
        return _Plan(schema, document, operations[0])
    except _Unplanned:
        return None


def _without_variables(document: DocumentNode, operation: OperationDefinitionNode) -> DocumentNode:
    plain = OperationDefinitionNode(
        loc=operation.loc,
        operation=operation.operation,
        name=operation.name,
        directives=operation.directives,
        selection_set=operation.selection_set,
    )
    definitions = tuple(plain if node is operation else node for node in document.definitions)
    return DocumentNode(loc=document.loc, definitions=definitions)


def _coercing(type_: GraphQLInputType, plans: dict[str, Coerce]) -> Coerce:
    """Return the way of a good value of this type. `plans` are those of the input objects met so far."""
    if isinstance(type_, GraphQLNonNull):
        return _not_null(_coercing_present(type_.of_type, plans))
    present = _coercing_present(type_, plans)
    return lambda value: None if value is None else present(value)


def _not_null(present: Coerce) -> Coerce:
    def coerce(value: Any) -> Any:
        if value is None:
            raise _Unplanned
        return present(value)

    return coerce


def _coercing_present(type_: Any, plans: dict[str, Coerce]) -> Coerce:
    if isinstance(type_, GraphQLList):
        return _list(_coercing(type_.of_type, plans))
    if not isinstance(type_, GraphQLInputObjectType):
        return _leaf(type_.coerce_input_value)
    if type_.name in plans:
        return lambda value: plans[type_.name](value)
    plans[type_.name] = _never  # until it is made: a type may hold itself
    plans[type_.name] = made = _object(type_, plans)
    return made


def _never(value: Any) -> Any:
    raise _Unplanned


def _leaf(coerce_leaf: Coerce) -> Coerce:
    def coerce(value: Any) -> Any:
        coerced = coerce_leaf(value)
        if coerced is Undefined:
            raise _Unplanned
        return coerced

    return coerce


def _list(coerce_item: Coerce) -> Coerce:
    def coerce(value: Any) -> Any:
        if not isinstance(value, list):
            raise _Unplanned
        return [coerce_item(item) for item in value]

    return coerce


def _object(type_: GraphQLInputObjectType, plans: dict[str, Coerce]) -> Coerce:
    if type_.is_one_of:
        return _never
    fields = [
        (
            name,
            field.out_name or name,
            _REQUIRED if is_required_input_field(field) else coerce_default_value(field),
            _coercing(field.type, plans),
        )
        for name, field in type_.fields.items()
    ]
    made = type_.out_type

    def coerce(value: Any) -> Any:
        if not isinstance(value, dict):
            raise _Unplanned
        coerced: dict[str, Any] = {}
        known = 0
        for name, out_name, absent, coerce_field in fields:
            if name in value:
                coerced[out_name] = coerce_field(value[name])
                known += 1
            elif absent is _REQUIRED:
                raise _Unplanned
            elif absent is not Undefined:
                coerced[out_name] = absent
        if known < len(value):
            raise _Unplanned
        return made(coerced)

    return coerce

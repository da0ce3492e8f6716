"""How a document is run: read once, refused early, masked last.

`GuardedSchema` is what both schemas are. Whoever calls it, an endpoint, a socket or the console, gets the same.
"""

from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from typing import Any, cast

import strawberry
from graphql import (
    GraphQLError,
    GraphQLFieldResolver,
    GraphQLObjectType,
    GraphQLResolveInfo,
    OperationType,
    get_named_type,
)
from strawberry.extensions import SchemaExtension
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.exception_handlers import ExceptionHandler
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType as AllowedType

from schema.codes import Code, Published
from schema.context import Context
from schema.documents import Document, Documents, Operation
from schema.guard import Limits
from schema.inputs import plan_inputs
from schema.masking import masked, masked_fault
from schema.refusals import refusal_handlers
from schema.scalars import SCALARS
from schema.variables import PlannedExecutor


def configuration() -> StrawberryConfig:
    """Return the configuration of both schemas."""
    return StrawberryConfig(scalar_map=SCALARS, disable_field_suggestions=True)


class GuardedSchema(strawberry.Schema):
    """A schema that runs only what its limits allow and lets out only what is published."""

    def __init__(
        self,
        query: type,
        mutation: type | None = None,
        subscription: type | None = None,
        *,
        limits: Limits,
        types: Iterable[type] = (),
        trusted: Iterable[str] = (),
        extensions: Iterable[Callable[[], SchemaExtension]] = (),
        exception_handlers: Iterable[ExceptionHandler[Any]] | None = None,
    ) -> None:
        """`trusted` are the documents that shops may be restricted to; `exception_handlers` default to all refusals."""
        super().__init__(
            query,
            mutation,
            subscription,
            types=types,
            extensions=[*extensions, _Registered],
            execution_context_class=PlannedExecutor,
            config=configuration(),
            exception_handlers=refusal_handlers() if exception_handlers is None else exception_handlers,
        )
        for field in self._schema.mutation_type.fields.values() if self._schema.mutation_type else ():
            field.resolve = _with_nothing_loaded(field.resolve)
        for root in filter(None, (self._schema.query_type, self._schema.mutation_type)):
            _describe_inputs(root)
        plan_inputs([known.definition for known in self.schema_converter.type_map.values()], self.config.name_converter)
        self.limits = limits
        self.documents = Documents(self._schema, limits, trusted=tuple(trusted))

    async def execute(
        self,
        query: str | None,
        variable_values: dict[str, Any] | None = None,
        context_value: Context | None = None,
        root_value: object = None,
        operation_name: str | None = None,
        allowed_operation_types: Iterable[AllowedType] | None = None,
        operation_extensions: dict[str, Any] | None = None,
    ) -> ExecutionResult:
        """Run a query or a mutation. Never raises for what a caller sent or a resolver did."""
        operation_name = operation_name or None
        asked = self._asked(query, operation_name, variable_values, context_value)
        if isinstance(asked, ExecutionResult):
            return asked
        if asked.operation.type is OperationType.SUBSCRIPTION:
            return self._refusal([_bad("A subscription needs a socket or an event stream.")], context_value)
        try:
            result = await super().execute(
                query, variable_values, context_value, root_value, operation_name, None, operation_extensions
            )
        except Exception as fault:
            return _faulted(fault, context_value)
        return self._finished(result, context_value, asked.cost)

    async def stream(
        self,
        query: str | None,
        variable_values: dict[str, Any] | None = None,
        context_value: Context | None = None,
        root_value: object = None,
        operation_name: str | None = None,
        operation_extensions: dict[str, Any] | None = None,
        allowed_operation_types: Iterable[AllowedType] | None = None,
    ) -> AsyncGenerator[ExecutionResult, None]:
        """Run any operation over a streaming transport, as a series of results."""
        operation_name = operation_name or None
        source = await super().stream(
            query, variable_values, context_value, root_value, operation_name, operation_extensions
        )
        return self._streamed(source, query, variable_values, context_value, operation_name)

    def process_errors(self, errors: list[GraphQLError], execution_context: object = None) -> None:
        """Leave the log to `masking`, which knows a fault from a refusal."""

    async def _streamed(
        self,
        source: Any,
        query: str | None,
        variables: dict[str, Any] | None,
        context: Context | None,
        operation_name: str | None,
    ) -> AsyncGenerator[ExecutionResult, None]:
        asked = self._asked(query, operation_name, variables, context)
        if isinstance(asked, ExecutionResult):
            await source.aclose()
            yield asked
            return
        try:
            async for result in source:
                yield self._finished(result, context, asked.cost)
        except Exception as fault:
            yield _faulted(fault, context)
        finally:
            await source.aclose()

    def _asked(
        self, query: str | None, operation_name: str | None, variables: dict[str, Any] | None, context: Context | None
    ) -> "_Asked | ExecutionResult":
        """Return the operation to run and its cost, or the refusal."""
        if not query:
            return self._refusal([_bad("There is no document to run.")], context)
        document = self.documents.read(query)
        if document.refused:
            return self._refusal([document.refused], context)
        if document.introspects and not (context and context.may_introspect):
            return self._refusal([Published(Code.FORBIDDEN, "Introspection is switched off here.")], context)
        operation = document.operation(operation_name)
        if operation is None:
            return self._refusal([_bad(_which_operation(document, operation_name))], context)
        cost = operation.priced.cost(variables)
        if cost > self.limits.cost:
            dear = f"The operation may cost {cost}, and {self.limits.cost} is the most."
            refused = Published(Code.COST_EXCEEDED, dear, cost=min(cost, 10**12), costMax=self.limits.cost)
            return self._refusal([refused], context)
        if errors := self.documents.validated(document):
            return self._refusal(errors, context, cost)
        return _Asked(operation, cost)

    def _refusal(self, errors: list[GraphQLError], context: Context | None, cost: int | None = None) -> ExecutionResult:
        extensions = {} if cost is None else {"cost": cost}
        return PreExecutionError(data=None, errors=masked(errors, context, _request_id(context)), extensions=extensions)

    def _finished(self, result: ExecutionResult, context: Context | None, cost: int) -> ExecutionResult:
        if result.errors:
            result.errors = masked(result.errors, context, _request_id(context))
        result.extensions = {**(result.extensions or {}), "cost": cost}
        return result


class _Asked:
    """An operation that may run."""

    __slots__ = ("cost", "operation")

    def __init__(self, operation: Operation, cost: int) -> None:
        self.operation = operation
        self.cost = cost


class _Registered(SchemaExtension):
    """Hands the executor the registry's document, so that nothing is parsed or validated again."""

    def on_parse(self) -> Iterator[None]:
        """Preset the document and what validation found."""
        running = self.execution_context
        documents = cast(GuardedSchema, running.schema).documents
        document = documents.read(running.query or "")
        if document.tree is not None:
            running.graphql_document = document.tree
            running.pre_execution_errors = documents.validated(document)
        yield


def _describe_inputs(root: GraphQLObjectType) -> None:
    """Let an argument `input` say what its type says: there is nothing else to say of it."""
    for field in root.fields.values():
        if "input" in field.args and field.args["input"].description is None:
            field.args["input"].description = get_named_type(field.args["input"].type).description


def _with_nothing_loaded(resolve: GraphQLFieldResolver | None) -> GraphQLFieldResolver:
    """Let a mutation's answer be loaded after the mutation, whatever the one before it has loaded."""
    assert resolve is not None

    def resolved(source: Any, info: GraphQLResolveInfo[Context], **arguments: Any) -> Any:
        info.context.forget()
        return resolve(source, info, **arguments)

    return resolved


def _bad(message: str) -> Published:
    return Published(Code.BAD_USER_INPUT, message)


def _which_operation(document: Document, name: str | None) -> str:
    if name is not None:
        return f'The document has no operation "{name}".'
    return (
        "The document has several operations; operationName must say which."
        if document.operations
        else ("The document has no operation.")
    )


def _request_id(context: Context | None) -> str:
    return context.request_id if context else ""


def _faulted(fault: Exception, context: Context | None) -> ExecutionResult:
    return PreExecutionError(data=None, errors=[masked_fault(fault, _request_id(context))])

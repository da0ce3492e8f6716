"""The published error codes."""

from collections.abc import Collection
from enum import StrEnum

from graphql import GraphQLError, Node, Source


class Code(StrEnum):
    """The published codes: `extensions.code` is one of these."""

    UNAUTHENTICATED = "UNAUTHENTICATED"
    FORBIDDEN = "FORBIDDEN"
    BAD_USER_INPUT = "BAD_USER_INPUT"
    NOT_FOUND = "NOT_FOUND"
    RATE_LIMITED = "RATE_LIMITED"
    COST_EXCEEDED = "COST_EXCEEDED"
    PERSISTED_QUERY_NOT_FOUND = "PERSISTED_QUERY_NOT_FOUND"
    INTERNAL = "INTERNAL"


class Published(GraphQLError):
    """An error of the edge that is meant to be read as it is."""

    def __init__(
        self,
        code: Code,
        message: str,
        node: Node | None = None,
        source: Source | None = None,
        positions: Collection[int] | None = None,
        **extensions: object,
    ) -> None:
        super().__init__(message, node, source, positions, extensions={"code": str(code), **extensions})

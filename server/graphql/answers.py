"""What an answer looks like: its media type, its status, its JSON.

A client that asks for `application/graphql-response+json` can trust the status: a request that could not be run gets
400 (GraphQL over HTTP, section 6.4.2). One that takes `application/json` gets 200 whenever the answer is well-formed
GraphQL, and reads the errors. In neither has the answer to such a request a `data` entry.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import orjson
from starlette.responses import Response
from strawberry.types import ExecutionResult

from schema.codes import Code

JSON = "application/json"
GRAPHQL_RESPONSE = "application/graphql-response+json"


class GraphQLResponse(Response):
    """Bytes of JSON under one of the two media types."""

    charset = "utf-8"

    def __init__(
        self, content: Mapping[str, Any], media_type: str, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        told = {"cache-control": "no-store", "vary": "Accept, Accept-Language, Authorization", **(headers or {})}
        super().__init__(orjson.dumps(content), status, told, f"{media_type}; charset=utf-8")


@lru_cache(maxsize=256)
def media_type_for(accept: str) -> str:
    """Return the media type to answer in: the better liked of the two, `application/json` where neither is named."""
    liked = {JSON: 0.0, GRAPHQL_RESPONSE: 0.0}
    for part in accept[:1_000].split(","):
        name, _, parameters = part.strip().partition(";")
        if name.strip().lower() in liked:
            liked[name.strip().lower()] = _quality(parameters)
    return GRAPHQL_RESPONSE if liked[GRAPHQL_RESPONSE] > 0 and liked[GRAPHQL_RESPONSE] >= liked[JSON] else JSON


def _quality(parameters: str) -> float:
    for parameter in parameters.split(";"):
        name, _, value = parameter.strip().partition("=")
        if name.strip().lower() == "q":
            try:
                return min(max(float(value), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0


def content_of(result: ExecutionResult) -> dict[str, Any]:
    """Return the entries of a result. `data` is among them only if the operation ran, be it null."""
    content: dict[str, Any] = {}
    if result.errors:
        content["errors"] = [error.formatted for error in result.errors]
    if result.data is not None or all(error.path for error in result.errors or ()):
        content["data"] = result.data
    if result.extensions:
        content["extensions"] = result.extensions
    return content


def answer(result: ExecutionResult, accept: str, request_id: str) -> GraphQLResponse:
    """Return the response for what an operation came to."""
    media_type = media_type_for(accept)
    content = content_of(result)
    status = 200 if "data" in content or media_type == JSON else 400
    return GraphQLResponse(content, media_type, status, {"x-request-id": request_id})


def refusal(
    status: int, code: Code, message: str, *, accept: str, headers: Mapping[str, str] | None = None, **more: object
) -> GraphQLResponse:
    """Return the response to a request that never became an operation."""
    error = {"message": message, "extensions": {"code": code, **more}}
    return GraphQLResponse({"errors": [error]}, media_type_for(accept), status, headers)

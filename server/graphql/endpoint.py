"""One schema at one path, over HTTP, sockets and event streams."""

import asyncio
import json
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

import orjson
import structlog
from graphql import GraphQLError
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.exceptions import ConnectionRejectionError
from strawberry.http import GraphQLHTTPResponse
from strawberry.http.streaming import SSETransport
from strawberry.subscriptions import GRAPHQL_SSE_PROTOCOL, GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.types import ExecutionResult, SubscriptionExecutionResult
from strawberry.types.unset import UNSET, UnsetType

from loyalty.access import Actor
from loyalty.clock import Clock
from loyalty.refusals import Refusal
from schema.codes import Code, Published
from schema.context import Context, languages_of
from schema.execution import GuardedSchema
from schema.masking import masked, masked_fault
from server.auth import BadCredentials, network_address
from server.gate import ASKED, Asked, BadBody, BodyLimits, Gate, parsed_json
from server.graphql.answers import answer, content_of, refusal
from server.graphql.explorer import Explorer, explorer_routes
from server.graphql.persisted import document_text
from server.graphql.sockets import SocketHandler

Authenticate = Callable[[Mapping[str, str], datetime], Awaitable[Actor]]

INIT_WITHIN = timedelta(seconds=5)
OPERATIONS_PER_SOCKET_MAX = 5
CREDENTIALS = ("authorization", "x-shop-key", "accept-language")
"""Headers that `connection_init` may carry as well."""


@dataclass(frozen=True)
class Serving:
    """What the composition root decides about an endpoint."""

    authenticate: Authenticate
    """Turns headers (by lower-case name, without cookies) into an actor, or raises `BadCredentials`."""
    clock: Clock
    body: BodyLimits
    may_introspect: Callable[[Actor], bool] = lambda actor: False
    origins: Callable[[], Collection[str]] = frozenset
    """The origins whose pages may call, as they stand now: asked at each request, so it must not be slow."""
    trusted_only: Callable[[Actor], bool] = lambda actor: False
    """Whether this caller's shop takes trusted documents only."""
    explorer: Explorer | None = None
    """GraphiQL with its examples, in development."""
    heartbeat_seconds: float = 15.0
    recheck_seconds: float = 1.0
    """How soon a stream ends after its credentials do."""


def graphql_endpoint(path: str, schema: GuardedSchema, serving: Serving) -> list[BaseRoute]:
    """Return the routes of one schema: POST and sockets at `path`, and GraphiQL's files below it where it is on."""
    endpoint = Endpoint(schema, serving)
    explorer = serving.explorer
    page = explorer.page(path) if explorer else None
    posted = _Origins(Gate(endpoint, limits=serving.body, explorer=page), serving.origins)
    return [
        Route(path, posted),
        WebSocketRoute(path, endpoint),
        *(explorer_routes(path) if explorer else []),
    ]


class Endpoint(GraphQL[Context, None]):
    """Strawberry's endpoint, with our requests, our answers and our errors."""

    graphql_transport_ws_handler_class = SocketHandler

    def __init__(self, schema: GuardedSchema, serving: Serving) -> None:
        super().__init__(
            schema,
            graphql_ide=None,
            allow_queries_via_get=False,
            subscription_protocols=(GRAPHQL_TRANSPORT_WS_PROTOCOL, GRAPHQL_SSE_PROTOCOL),
            connection_init_wait_timeout=INIT_WITHIN,
            max_subscriptions_per_connection=OPERATIONS_PER_SOCKET_MAX,
        )
        self.guarded = schema
        self.serving = serving
        self.stream_transport_classes_by_protocol = {GRAPHQL_SSE_PROTOCOL: _event_stream(serving.heartbeat_seconds)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that came through the gate, or serve a socket."""
        request_id = secrets.token_hex(8)
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            if scope["type"] == "websocket":
                await self.run(WebSocket(scope, receive, send))
                return
            response = await self._response(Request(scope, receive), request_id)
            await response(scope, receive, send)

    async def _response(self, request: Request, request_id: str) -> Response:
        accept = request.headers.get("accept", "")
        told = {"x-request-id": request_id}
        try:
            return await self._answered(request, accept, request_id)
        except BadCredentials as bad:
            told["www-authenticate"] = "Bearer"
            return refusal(401, Code.UNAUTHENTICATED, str(bad), accept=accept, headers=told)
        except (Published, Refusal) as refused:
            error = GraphQLError(str(refused), original_error=refused)
            return answer(ExecutionResult(None, masked([error], None, request_id)), accept, request_id)
        except Exception as fault:
            error = masked_fault(fault, request_id)
            return refusal(500, Code.INTERNAL, error.message, accept=accept, headers=told, requestId=request_id)

    async def _answered(self, request: Request, accept: str, request_id: str) -> Response:
        asked: Asked = request.scope[ASKED]
        context = await self._context(_headers(request), request_id)
        context.network_address = network_address(request.client.host if request.client else None)
        text = self.text_of(asked, context)
        if self._get_stream_transport_from_headers(request.headers):
            results = await self.guarded.stream(text, asked.variables, context, None, asked.operation_name)
            lasting = cast(SubscriptionExecutionResult, self._while_good(results, context))
            return await self._create_streaming_response(request, lasting, "sse", await self.get_sub_response(request))
        result = await self.guarded.execute(
            text, asked.variables, context, None, asked.operation_name, None, asked.extensions
        )
        return answer(result, accept, request_id)

    async def _context(self, headers: Mapping[str, str], request_id: str) -> Context:
        serving = self.serving
        actor = await serving.authenticate(headers, serving.clock.now())
        return Context(
            actor=actor,
            clock=serving.clock,
            languages=languages_of(headers.get("accept-language"), actor),
            request_id=request_id,
            may_introspect=serving.may_introspect(actor),
            headers=headers,
        )

    def text_of(self, asked: Asked, context: Context) -> str | None:
        """Return the document's text, sent as such or by its hash.

        Raises:
            Published: the hash is not known here, is not the text's, or the caller's shop does not trust the text.
        """
        return document_text(asked, self.guarded.documents, trusted_only=self.serving.trusted_only(context.actor))

    def afresh(self, context: Context) -> Context:
        """Return the context of one operation on a socket."""
        return context.afresh(secrets.token_hex(8))

    async def is_refused(self, context: Context) -> bool:
        """Return whether the caller's credentials are good no longer."""
        try:
            await self.serving.authenticate(context.headers, self.serving.clock.now())
        except BadCredentials:
            return True
        except Exception as fault:  # the database may be away for a moment; the next look decides
            masked_fault(fault, context.request_id)
        return False

    async def until_refused(self, context: Context, *, watched: Callable[[], bool] = lambda: True) -> None:
        """Return when the caller's credentials are good no longer: looked at every second or so while it matters."""
        while True:
            await asyncio.sleep(self.serving.recheck_seconds)
            if watched() and await self.is_refused(context):
                return

    async def _while_good(
        self, results: AsyncGenerator[ExecutionResult, None], context: Context
    ) -> AsyncGenerator[ExecutionResult, None]:
        refused = asyncio.ensure_future(self.until_refused(context))
        following: asyncio.Future[ExecutionResult] | None = None
        try:
            while not refused.done():
                following = following or asyncio.ensure_future(anext(results))
                waited: set[asyncio.Future[Any]] = {following, refused}
                await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
                if following.done():
                    result, following = following.result(), None
                    yield result
            over = Published(Code.UNAUTHENTICATED, "The credentials are good no longer.")
            yield ExecutionResult(None, masked([over], context, context.request_id))
        except StopAsyncIteration:
            return
        finally:
            await _ended(refused, following)
            await results.aclose()

    # What Strawberry's view asks for on sockets and event streams.

    async def get_context(self, request: HTTPConnection, response: object) -> Context:
        """Return a socket's context before `connection_init` says who is there."""
        headers = _headers(request)
        nobody = Actor.public()
        return Context(
            actor=nobody,
            clock=self.serving.clock,
            languages=languages_of(headers.get("accept-language"), nobody),
            request_id=secrets.token_hex(8),
            network_address=network_address(request.client.host if request.client else None),
            headers=headers,
        )

    async def on_ws_connect(self, context: Context) -> UnsetType:
        """Let a socket's caller in by the headers of the handshake and what `connection_init` carried.

        Raises:
            ConnectionRejectionError: the credentials are not good, or could not be looked at.
        """
        carried = {name.lower(): value for name, value in (context.connection_params or {}).items()}
        texts = {name: carried[name] for name in CREDENTIALS if isinstance(carried.get(name), str)}
        try:
            known = await self._context({**context.headers, **texts}, context.request_id)
        except BadCredentials:
            raise ConnectionRejectionError from None
        except Exception as fault:
            masked_fault(fault, context.request_id)
            raise ConnectionRejectionError from None
        context.actor, context.headers = known.actor, known.headers
        context.languages, context.may_introspect = known.languages, known.may_introspect
        return cast(UnsetType, UNSET)

    async def process_result(self, request: Request, result: ExecutionResult) -> GraphQLHTTPResponse:
        """Return the entries of one event of a stream."""
        return cast(GraphQLHTTPResponse, content_of(result))

    def decode_json(self, data: str | bytes) -> object:
        """Return a socket's message, within the limits of a body."""
        body = data.encode() if isinstance(data, str) else data
        try:
            if len(body) > self.serving.body.bytes_max:
                raise BadBody("The message is too long.")
            return parsed_json(body)
        except BadBody as bad:
            raise json.JSONDecodeError(bad.message, "", 0) from None

    def encode_json(self, data: object) -> str:
        """Return JSON as text: a socket's frames and a stream's events are text."""
        return orjson.dumps(data).decode()

    def is_websocket_origin_allowed(self, request: WebSocket, origin: str) -> bool:
        """Allow the origins that may call."""
        return origin in self.serving.origins()


async def _ended(*tasks: asyncio.Future[Any] | None) -> None:
    going = [task for task in tasks if task is not None]
    for task in going:
        task.cancel()
    await asyncio.gather(*going, return_exceptions=True)


def _headers(request: HTTPConnection) -> dict[str, str]:
    """Return the headers by lower-case name. No cookie counts here, so there is none among them."""
    return {
        name.decode("latin-1").lower(): value.decode("latin-1")
        for name, value in request.scope["headers"]
        if name != b"cookie"
    }


def _event_stream(heartbeat_seconds: float) -> type[SSETransport]:
    class EventStream(SSETransport):
        def __init__(self) -> None:
            super().__init__(heartbeat_interval=heartbeat_seconds)

    return EventStream


class _Origins(CORSMiddleware):
    """Lets pages of the allowed origins call, as they stand at the moment of the call. No cookies, ever."""

    def __init__(self, app: ASGIApp, origins: Callable[[], Collection[str]]) -> None:
        super().__init__(
            app,
            allow_methods=["POST"],
            allow_headers=["authorization", "content-type", "x-shop-key"],
            expose_headers=["x-request-id"],
        )
        self._origins = origins

    def is_allowed_origin(self, origin: str) -> bool:
        """Return whether pages of this origin may call."""
        return origin in self._origins()

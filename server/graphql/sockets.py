"""Operations over a socket: graphql-transport-ws and nothing older.

The token comes in `connection_init`, within five seconds; it is looked at again whenever an operation starts and
while one runs, so that what was revoked or has ended ends here too. Each operation has a context of its own.
"""

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, cast

from graphql import GraphQLError
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import BaseGraphQLTransportWSHandler
from strawberry.subscriptions.protocols.graphql_transport_ws.types import (
    ConnectionInitMessage,
    Message,
    SubscribeMessage,
)

from schema.codes import Code, Published
from schema.context import Context
from server.gate import BadBody, asked_of

if TYPE_CHECKING:
    from server.graphql.endpoint import Endpoint

OPERATION_ID_LENGTH_MAX = 100
UNAUTHORIZED = 4401
BAD_MESSAGE = 4400


class SocketHandler(BaseGraphQLTransportWSHandler[Context, None]):
    """One connection."""

    view: "Endpoint"
    _watch: asyncio.Task[None] | None = None

    @property
    def context(self) -> Context:
        """Return the connection's context until it is acknowledged, and one for each operation afterwards."""
        return self.view.afresh(self._context) if self.connection_acknowledged else self._context

    @context.setter
    def context(self, context: Context) -> None:
        self._context = context

    async def handle_message(self, message: Message) -> None:
        """Handle one message, if it has the shape of one."""
        if _well_formed(message):
            await super().handle_message(message)
        else:
            await self.handle_invalid_message("Failed to parse message")

    async def handle_connection_init(self, message: ConnectionInitMessage) -> None:
        """Let the caller in, and watch whether they may stay."""
        await super().handle_connection_init(message)
        if self.connection_acknowledged and self._watch is None:
            self._watch = asyncio.create_task(self._close_when_refused())

    async def handle_subscribe(self, message: SubscribeMessage) -> None:
        """Start an operation, whose document may be given by its hash."""
        if self.connection_acknowledged:
            if not self.operations and await self.view.is_refused(self._context):
                return await self.websocket.close(code=UNAUTHORIZED, reason="Unauthorized")
            try:
                asked = asked_of(message["payload"])
                text = self.view.text_of(asked, self._context)
                self._require_room(message["id"])
            except BadBody as bad:
                return await self.handle_invalid_message(bad.message)
            except Published as refused:
                return await self._refuse(message["id"], refused)
            message = cast("SubscribeMessage", {**message, "payload": {**message["payload"], "query": text}})
        return await super().handle_subscribe(message)

    async def shutdown(self) -> None:
        """End what runs on this connection."""
        if self._watch is not None:
            self._watch.cancel()
            with suppress(asyncio.CancelledError):
                await self._watch
        await super().shutdown()

    def _require_room(self, operation_id: str) -> None:
        most = self.max_subscriptions_per_connection
        if most is not None and len(self.operations) >= most and operation_id not in self.operations:
            raise Published(Code.RATE_LIMITED, f"One socket carries {most} operations at a time.")

    async def _refuse(self, operation_id: str, error: GraphQLError) -> None:
        await self.send_message({"id": operation_id, "type": "error", "payload": [error.formatted]})

    async def _close_when_refused(self) -> None:
        await self.view.until_refused(self._context, watched=lambda: bool(self.operations))
        await self.websocket.close(code=UNAUTHORIZED, reason="Unauthorized")


def _well_formed(message: object) -> bool:
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        return False
    if message["type"] not in ("subscribe", "complete"):
        return True
    id = message.get("id")
    return isinstance(id, str) and 0 < len(id) <= OPERATION_ID_LENGTH_MAX

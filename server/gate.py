"""The gate before GraphQL: whatever comes in as bytes goes on as a well-formed request, or is answered here.

It reads the body once, no further than its limit, bounds its nesting before it is parsed, and hands on what it
parsed. Nothing behind it sees a body, a batch, a form or a JSON number of five thousand digits.
"""

import asyncio
import re
from array import array
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import orjson
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from schema.codes import Code
from server.graphql.answers import refusal

ASKED = "regulars.asked"
"""Where in the scope the endpoint finds the `Asked`."""

DEPTH_MAX = 64
CONTAINERS_MAX = 300_000
"""Objects and lists in one body: a full batch, 500 orders of 500 lines, has 251,002."""
BRACKETED_STRINGS_MAX = 600_000
BODY_SECONDS_MAX = 30.0

_BRACKETS = bytes.maketrans(b"[]{}", b"\x01\xff\x01\xff")
_NEITHER_BRACKET_NOR_QUOTE = bytes(set(range(256)) - set(b'[]{}"\\'))
_STRING = re.compile(rb'"[^"]*"')
_JSON_TYPE = re.compile(r'application/json *(; *charset *= *"?utf-8"? *)?', re.IGNORECASE)


@dataclass(frozen=True)
class BodyLimits:
    """How much one request may carry, in bytes."""

    bytes_max: int = 64 * 1024


STOREFRONT = BodyLimits()
ADMIN = BodyLimits(8 * 1024 * 1024)


class BadBody(Exception):
    """The body is no GraphQL request. The text is for the developer of the client."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.message = message
        self.status = status


@dataclass(frozen=True)
class Asked:
    """One GraphQL request, well-formed: what is there has its type."""

    query: str | None
    variables: dict[str, Any] | None
    operation_name: str | None
    extensions: dict[str, Any] | None
    document_id: str | None


def asked_of(content: object) -> Asked:
    """Return the request a JSON value is.

    Raises:
        BadBody: it is no object, names no document, or has an entry of another type than GraphQL over HTTP gives it.
    """
    if not isinstance(content, dict):
        batch = isinstance(content, list)
        raise BadBody("Send one request at a time, not a list." if batch else "The request must be a JSON object.")
    asked = Asked(
        query=_entry(content, "query", str, "a string"),
        variables=_entry(content, "variables", dict, "an object"),
        operation_name=_entry(content, "operationName", str, "a string"),
        extensions=_entry(content, "extensions", dict, "an object"),
        document_id=_entry(content, "documentId", str, "a string"),
    )
    if asked.query is None and asked.document_id is None and "persistedQuery" not in (asked.extensions or {}):
        raise BadBody("There is no document: send `query`, or `documentId`.")
    return asked


def _entry(content: dict[str, Any], name: str, kind: type, worded: str) -> Any:
    value = content.get(name)
    if value is not None and not isinstance(value, kind):
        raise BadBody(f"`{name}` must be {worded} or null.")
    return value


def parsed_json(body: bytes) -> object:
    """Return the JSON value in the bytes.

    Raises:
        BadBody: too deep, too many parts, not UTF-8, a number out of all range, a NUL, or no JSON.
    """
    _refuse_nesting(body)
    if rb"\u0000" in body and rb"\u0000" in body.replace(rb"\\", b""):
        raise BadBody("The body has a NUL character in a string.")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as wrong:
        raise BadBody(f"The body is not JSON: {wrong.msg}.") from None


def _refuse_nesting(body: bytes) -> None:
    """Bound the depth before anything recurses. A few passes in C, none over more than the brackets but the first.

    Escapes go, then strings: two strings with nothing kept between them make one, so a quote still ends what it ends.
    """
    kept = body.translate(None, _NEITHER_BRACKET_NOR_QUOTE)
    if b"\\" in kept:
        kept = kept.replace(b"\\\\", b"").replace(b'\\"', b"")
    kept = kept.replace(b'""', b"")
    if kept.count(b'"') > 2 * BRACKETED_STRINGS_MAX:
        raise BadBody(f"The body has brackets in more than {BRACKETED_STRINGS_MAX} strings.")
    kept = _STRING.sub(b"", kept)
    opened = kept.count(b"[") + kept.count(b"{")
    if opened > CONTAINERS_MAX:
        raise BadBody(f"The body has more than {CONTAINERS_MAX} objects and lists.")
    if opened > DEPTH_MAX and max(accumulate(array("b", kept.translate(_BRACKETS, b'"\\')))) > DEPTH_MAX:
        raise BadBody(f"The body nests deeper than {DEPTH_MAX} levels.")


class Gate:
    """Lets well-formed requests through to `app` and answers the others."""

    def __init__(self, app: ASGIApp, *, limits: BodyLimits, explorer: ASGIApp | None = None) -> None:
        """`explorer` is what a browser gets that comes without a question; None where there is none."""
        self._app = app
        self._limits = limits
        self._explorer = explorer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass on with `scope[ASKED]`."""
        headers = Headers(scope=scope)
        if scope["method"] != "POST":
            return await self._not_posted(scope, receive, send, headers)
        try:
            _require_json(headers)
            async with asyncio.timeout(BODY_SECONDS_MAX):
                body = await self._body(headers, receive)
            if body is None:
                return None
            scope[ASKED] = asked_of(parsed_json(body))
        except BadBody as bad:
            response = refusal(bad.status, Code.BAD_USER_INPUT, bad.message, accept=headers.get("accept", ""))
            return await response(scope, receive, send)
        except TimeoutError:
            response = refusal(408, Code.BAD_USER_INPUT, "The body took too long.", accept=headers.get("accept", ""))
            return await response(scope, receive, send)
        return await self._app(scope, receive, send)

    async def _not_posted(self, scope: Scope, receive: Receive, send: Send, headers: Headers) -> None:
        browser = scope["method"] in ("GET", "HEAD") and "text/html" in headers.get("accept", "")
        if self._explorer is not None and browser and not scope.get("query_string"):
            return await self._explorer(scope, receive, send)
        told = "GraphQL is asked by POST."
        allow = {"allow": "POST"}
        response = refusal(405, Code.BAD_USER_INPUT, told, accept=headers.get("accept", ""), headers=allow)
        return await response(scope, receive, send)

    async def _body(self, headers: Headers, receive: Receive) -> bytes | None:
        """Return the body, or None when the client has gone.

        Raises:
            BadBody: it is longer than the limit, found out no later than at the first byte too many.
        """
        too_long = BadBody(f"The body is longer than {self._limits.bytes_max} bytes.", 413)
        stated = headers.get("content-length", "")
        hopeless = stated.isdecimal() and (len(stated) > 15 or int(stated) > self._limits.bytes_max)
        parts, length = [], 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            parts.append(message.get("body", b""))
            length += len(parts[-1])
            if hopeless or length > self._limits.bytes_max:
                _refuse_what_is_no_object(parts[0])
                raise too_long
            if not message.get("more_body", False):
                return b"".join(parts)


def _refuse_what_is_no_object(start: bytes) -> None:
    """What does not begin as an object is no request, however long it is."""
    if start.lstrip()[:1] not in (b"{", b""):
        raise BadBody("The request must be a JSON object.")


def _require_json(headers: Headers) -> None:
    if len(headers.getlist("content-type")) != 1 or not _JSON_TYPE.fullmatch(headers["content-type"].strip()):
        raise BadBody("The content type must be application/json.", 415)
    if headers.get("content-encoding", "identity").lower() not in ("identity", ""):
        raise BadBody("The body must not be compressed.", 415)

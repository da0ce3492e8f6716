"""Opaque, globally unique ids: base64url of `Type:uuid`. An id of one type is never taken for another's."""

import asyncio
import base64
import binascii
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from uuid import UUID

import strawberry

from loyalty.refusals import Invalid, NotFound
from schema.context import Info

IDS_PER_REQUEST_MAX = 100

_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")


@strawberry.interface(description="Something that can be fetched again by its id.")
class Node:
    """What `node(id)` can answer."""

    id: strawberry.ID = strawberry.field(description="Opaque and globally unique.")


def encoded(type_name: str, id: UUID) -> strawberry.ID:
    """Return the id that clients see for a row of this GraphQL type."""
    return strawberry.ID(base64.urlsafe_b64encode(f"{type_name}:{id.hex}".encode()).rstrip(b"=").decode())


def decoded(type_name: str, id: str) -> UUID:
    """Return the row's id.

    Raises:
        NotFound: this is no id of ours, or one of another type; the two look alike to the asker.
    """
    found_type, found = taken_apart(id)
    if found is None or found_type != type_name:
        raise NotFound(what=_CAPITAL.sub(" ", type_name).lower())
    return found


def taken_apart(id: str) -> tuple[str, UUID | None]:
    """Return an id's type and the row's id, or `("", None)` for what is no id of ours."""
    try:
        text = base64.b64decode(id + "=" * (-len(id) % 4), altchars=b"-_", validate=True).decode("ascii")
        type_name, _, hexadecimal = text.partition(":")
        uuid = UUID(hexadecimal)
    except (binascii.Error, ValueError):
        return "", None
    return (type_name, uuid) if encoded(type_name, uuid) == id else ("", None)


Fetch = Callable[[Info, UUID], Awaitable[Node | None]]


async def node(fetches: Mapping[str, Fetch], info: Info, id: str) -> Node | None:
    """Fetch what the id names, by the table of its schema: type name to function.

    None for what is not there, is no id, or has a type this schema does not hand out.
    """
    type_name, uuid = taken_apart(id)
    fetch = fetches.get(type_name)
    if fetch is None or uuid is None:
        return None
    try:
        return await fetch(info, uuid)
    except NotFound:
        return None


async def nodes(fetches: Mapping[str, Fetch], info: Info, ids: Sequence[str]) -> list[Node | None]:
    """Fetch what the ids name, in their order.

    Raises:
        Invalid: more than 100 ids.
    """
    if len(ids) > IDS_PER_REQUEST_MAX:
        raise Invalid(field="ids", problem="too_long")
    return list(await asyncio.gather(*(node(fetches, info, id) for id in ids)))

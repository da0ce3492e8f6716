"""API keys of programs, and personal tokens of people.

A key carries scopes, at most those of whoever creates it. A personal token acts with the roles its person has at that
moment. The secret is shown once; the row keeps its hash and the prefix by which people tell keys apart.
"""

import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg

from loyalty.access import Actor, ActorKind, NotPermitted, Permission, require
from loyalty.audit import trail
from loyalty.identity import new_id
from loyalty.refusals import Invalid, NotFound, Refusal
from loyalty.staff.people import COLUMNS, checked_name, person_of
from loyalty.staff.tokens import token_hash
from loyalty.transactions import in_one_transaction, row, rows, value

KEY = "reg_sk"
PERSONAL_TOKEN = "reg_pat"  # noqa: S105 - how such secrets begin, not one of them
USED_EVERY = timedelta(minutes=1)
PAGE_MAX = 100
SECRET_LENGTH_MAX = 200

ALL_SCOPES = frozenset(Permission) - {Permission.LEDGER_POST}
"""What `all` stands for. Nothing outside posts to the ledger directly."""

_COLUMNS = "id, name, prefix, scopes, staff_id, shop_id, created_by, created_at, last_used_at, revoked_at"
_MEMBER = ", ".join(f"m.{column.strip()} AS member_{column.strip()}" for column in COLUMNS.split(","))


class ScopesExceedYours(Refusal):
    """Nobody can give away more than they have. `scope` is the first that would, `shop` if it is the shop."""

    code = "SCOPES_EXCEED_YOURS"

    def __init__(self, *, scope: str) -> None:
        super().__init__(scope=scope)


class ScopeUnknown(Refusal):
    """There is no such scope, or it cannot be given to a program."""

    code = "SCOPE_UNKNOWN"
    stored = False

    def __init__(self, *, scope: str) -> None:
        super().__init__(scope=scope)


class KeyUnknown(Refusal):
    """This secret is of no key, or of one that was revoked, or of a person who is disabled."""

    code = "KEY_UNKNOWN"
    stored = False


@dataclass(frozen=True)
class Key:
    """A key as it may be shown. `staff_id` is set for a personal token, whose scopes are empty."""

    id: UUID
    name: str
    prefix: str
    scopes: tuple[Permission, ...]
    staff_id: UUID | None
    shop_id: UUID | None
    created_by: str
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True)
class Page:
    """Some keys, the oldest first, and whether others follow."""

    keys: list[Key]
    has_next: bool


async def create_api_key(
    actor: Actor, *, name: str, scopes: Iterable[str], shop_id: UUID | None = None, now: datetime
) -> tuple[Key, str]:
    """Make a key for a program and return it with its secret, which is not to be had again.

    `scopes` are permissions, or `all`; of what the actor has, never more. With `shop_id` the key speaks for that
    shop alone.

    Raises:
        NotPermitted: the actor may not manage keys.
        Invalid: the name cannot be one, or there are no scopes.
        ScopeUnknown: a scope is none.
        ScopesExceedYours: a scope, or the shop, is not the actor's to give.
    """
    require(actor, Permission.KEYS_MANAGE)
    called, granted = checked_name(name), _checked_scopes(actor, scopes)
    if actor.shop_id is not None and actor.shop_id != shop_id:
        raise ScopesExceedYours(scope="shop")
    return await _made(actor, KEY, called, scopes=granted, staff_id=None, shop_id=shop_id, now=now)


async def create_personal_token(actor: Actor, *, name: str, now: datetime) -> tuple[Key, str]:
    """Make a token with which a program acts as the acting person, and return it with its secret.

    Raises:
        NotPermitted: the actor is not a person who works here.
        Invalid: the name cannot be one.
    """
    staff_id = _own_id(actor)
    return await _made(actor, PERSONAL_TOKEN, checked_name(name), scopes=(), staff_id=staff_id, shop_id=None, now=now)


async def revoke_api_key(actor: Actor, key_id: UUID, *, now: datetime) -> Key:
    """End a key or a token: from now on it is unknown. Everybody may end their own; twice changes nothing.

    Raises:
        NotPermitted: the actor may not manage keys, and the token is not their own.
        NotFound: there is no such key.
    """

    async def effects() -> Key:
        found = await row(f"SELECT {_COLUMNS} FROM api_key WHERE id = $1 FOR NO KEY UPDATE", key_id)
        if found is None or not _is_own(actor, found):
            require(actor, Permission.KEYS_MANAGE)
        if found is None or (actor.shop_id is not None and actor.shop_id != found["shop_id"]):
            raise NotFound(what="api key")
        if found["revoked_at"] is not None:
            return _key(found)
        revoked = await row(f"UPDATE api_key SET revoked_at = $2 WHERE id = $1 RETURNING {_COLUMNS}", key_id, now)
        assert revoked is not None
        await trail.record(actor, "revoke_api_key", subject_kind="key", subject_id=key_id, now=now)
        return _key(revoked)

    return await in_one_transaction(effects)


async def keys(actor: Actor, *, first: int, after: UUID | None = None) -> Page:
    """Return `first` keys and tokens in the order in which they were made, those after `after`; revoked ones too.

    Raises:
        NotPermitted: the actor may not manage keys.
    """
    require(actor, Permission.KEYS_MANAGE)
    assert 1 <= first <= PAGE_MAX, "the edge bounds its pages"
    found = await rows(
        f"SELECT {_COLUMNS} FROM api_key WHERE ($1::uuid IS NULL OR id > $1)"
        " AND ($2::uuid IS NULL OR shop_id = $2) ORDER BY id LIMIT $3",
        after,
        actor.shop_id,
        first + 1,
    )
    return Page([_key(key) for key in found[:first]], has_next=len(found) > first)


async def own_tokens(actor: Actor) -> list[Key]:
    """Return the acting person's tokens that still work, the oldest first.

    Raises:
        NotPermitted: the actor is not a person who works here.
    """
    found = await rows(
        f"SELECT {_COLUMNS} FROM api_key WHERE staff_id = $1 AND revoked_at IS NULL ORDER BY id LIMIT 1000",
        _own_id(actor),
    )
    return [_key(key) for key in found]


async def key_actor(secret: str, *, now: datetime) -> Actor:
    """Return who acts with this secret. One statement; its use is noted at most once a minute.

    Raises:
        KeyUnknown: nobody.
    """
    if len(secret) > SECRET_LENGTH_MAX:
        raise KeyUnknown
    hashed = token_hash(secret)
    found = await row(
        f"WITH key AS (SELECT k.id, k.secret_hash, k.scopes, k.staff_id, k.shop_id, k.last_used_at, {_MEMBER}"
        " FROM api_key k LEFT JOIN staff_member m ON m.id = k.staff_id"
        " WHERE k.secret_hash = $1 AND k.revoked_at IS NULL AND m.disabled_at IS NULL),"
        " used AS (UPDATE api_key k SET last_used_at = $2 FROM key"
        " WHERE k.id = key.id AND (key.last_used_at IS NULL OR key.last_used_at <= $3))"
        " SELECT * FROM key",
        hashed,
        now,
        now - USED_EVERY,
    )
    if found is None or not hmac.compare_digest(bytes(found["secret_hash"]), hashed):
        raise KeyUnknown
    if found["staff_id"] is not None:
        return person_of({name: found[f"member_{name}"] for name in COLUMNS.split(", ")}).actor
    return Actor.key(found["id"], _permissions(found["scopes"]), shop_id=found["shop_id"])


def _checked_scopes(actor: Actor, scopes: Iterable[str]) -> tuple[Permission, ...]:
    asked = set(scopes)
    if not asked:
        raise Invalid(field="scopes", problem="blank")
    for name in sorted(asked - {permission.value for permission in ALL_SCOPES} - {"all"}):
        raise ScopeUnknown(scope=name)
    granted = ALL_SCOPES if "all" in asked else frozenset(Permission(scope) for scope in asked)
    for scope in Permission:
        if scope in granted and scope not in actor.permissions:
            raise ScopesExceedYours(scope=scope)
    return tuple(scope for scope in Permission if scope in granted)


async def _made(
    actor: Actor,
    kind: str,
    name: str,
    *,
    scopes: tuple[Permission, ...],
    staff_id: UUID | None,
    shop_id: UUID | None,
    now: datetime,
) -> tuple[Key, str]:
    prefix = f"{kind}_{secrets.token_hex(4)}"
    secret = f"{prefix}_{secrets.token_hex(32)}"

    async def effects() -> Key:
        made = await row(
            "INSERT INTO api_key (id, name, prefix, secret_hash, scopes, staff_id, shop_id, created_by, created_at)"
            f" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING {_COLUMNS}",
            new_id(now),
            name,
            prefix,
            token_hash(secret),
            list(scopes),
            staff_id,
            shop_id,
            actor.reference,
            now,
        )
        assert made is not None
        action = "create_api_key" if kind == KEY else "create_personal_token"
        await trail.record(
            actor, action, subject_kind="key", subject_id=made["id"], after={"scopes": list(scopes)}, now=now
        )
        return _key(made)

    return await in_one_transaction(effects), secret


def _own_id(actor: Actor) -> UUID:
    if actor.kind is not ActorKind.STAFF:
        raise NotPermitted(permission=Permission.KEYS_MANAGE)
    return UUID(actor.id)


def _is_own(actor: Actor, found: asyncpg.Record) -> bool:
    return actor.kind is ActorKind.STAFF and found["staff_id"] is not None and str(found["staff_id"]) == actor.id


def _permissions(scopes: Iterable[str]) -> frozenset[Permission]:
    # A scope that no longer exists grants nothing; LEDGER_POST is none even if it stands in a row.
    return frozenset(scope for scope in ALL_SCOPES if scope in set(scopes))


def _key(found: asyncpg.Record) -> Key:
    granted = _permissions(found["scopes"])
    return Key(
        found["id"],
        found["name"],
        found["prefix"],
        tuple(scope for scope in Permission if scope in granted),
        found["staff_id"],
        found["shop_id"],
        found["created_by"],
        found["created_at"],
        found["last_used_at"],
        found["revoked_at"],
    )


async def person_behind(reference: str) -> str:
    """Return who stands behind an actor's reference: for a key that somebody made, whoever made it.

    Who may not do a thing alone may not do it with a key of their own as the second.
    """
    standing = reference
    while standing.startswith(f"{ActorKind.KEY}:"):  # a key may have been made with another key
        maker = await value("SELECT created_by FROM api_key WHERE id = $1", UUID(standing.partition(":")[2]))
        if maker is None:
            break
        standing = maker
    return standing if standing.startswith(f"{ActorKind.STAFF}:") else reference

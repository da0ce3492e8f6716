"""How a customer signs in: by a link to a verified e-mail address, or by a token the shop's own server signs.

Both end in a JWT (RFC 7519) signed with HS256 and nothing else. Ours is issued by `regulars` and names our customer;
a shop's is issued by the shop's code and names the customer by the shop's own id.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from loyalty.access import Actor, ActorKind
from loyalty.customers.identifiers import IdentifierInvalid, IdentifierKind, normalised
from loyalty.identity import new_id
from loyalty.refusals import NotFound, Refusal
from loyalty.shops.catalogue import ShopFacts, all_shops, shop_by_code, shop_by_id, shop_secrets
from loyalty.staff.tokens import new_token, token_hash
from loyalty.throttles.attempts import attempt, attempt_with_the_rest
from loyalty.transactions import in_one_transaction, row, rows, value

ISSUER = "regulars"
ALGORITHM = "HS256"
LINK_VALID_FOR = timedelta(minutes=15)
TOKEN_VALID_FOR = timedelta(hours=24)
CLOCK_SKEW = timedelta(seconds=60)
TOKEN_LENGTH_MAX = 8_000

LINKS_WITHIN = timedelta(hours=1)
LINKS_PER_EMAIL = 10
LINKS_PER_ADDRESS = 60
LINKS_KEPT = timedelta(days=1)


class SignInLinkInvalid(Refusal):
    """The link was used, is older than fifteen minutes, or never was."""

    code = "SIGN_IN_LINK_INVALID"
    stored = False


class TokenInvalid(Refusal):
    """The token is not one by which a customer can be known. `problem` is for the shop's developer."""

    code = "TOKEN_INVALID"
    stored = False

    def __init__(self, *, problem: str) -> None:
        super().__init__(problem=problem)


@dataclass(frozen=True)
class SignInLinkIssued:
    """A link to send to a verified address. `token` goes into the link and is not kept."""

    token: str = field(repr=False)
    customer_id: UUID
    email: str = field(repr=False)


@dataclass(frozen=True)
class CustomerToken:
    """A customer's credential: sent as `Authorization: Bearer`, good until `expires_at`."""

    token: str = field(repr=False)
    customer_id: UUID
    expires_at: datetime


@dataclass(frozen=True)
class Claimant(Actor):
    """Somebody whom a shop vouches for and whom we do not know yet: the public, with the shop's id for them.

    Enrolling makes them a customer who has `claimed_external_id`.
    """

    claimed_external_id: str = field(default="", kw_only=True, repr=False)

    @classmethod
    def of(cls, shop: ShopFacts, external_id: str) -> "Claimant":
        """Return the person this shop knows by this id. The reference holds a hash: the id may be personal."""
        reference = hashlib.sha256(f"{shop.id} {external_id}".encode()).hexdigest()
        return cls(ActorKind.PUBLIC, reference, shop_id=shop.id, claimed_external_id=external_id)


async def request_sign_in_link(
    email: str, *, shop_id: UUID | None, address: str, now: datetime
) -> SignInLinkIssued | None:
    """Make a link for the customer with this verified e-mail address, or do the same work in vain.

    What comes back is for whoever sends the letter, never for the caller: they are told the same either way.
    Ten links an hour for an e-mail address, sixty for a network address.

    Raises:
        IdentifierInvalid: this cannot be an e-mail address.
        Throttled: too many links were asked for.
        NotFound: there is no such shop.
    """
    shop = await _shop(shop_id)
    identifier = normalised(IdentifierKind.EMAIL, email, shop=shop)
    await attempt("sign-in-link-address", address, limit=LINKS_PER_ADDRESS, window=LINKS_WITHIN, now=now)
    token = new_token()

    async def effects() -> UUID | None:
        # Counted here and not before: so this transaction writes, and waits for the disk, hit or miss.
        await attempt_with_the_rest(
            "sign-in-link", identifier.value_key, limit=LINKS_PER_EMAIL, window=LINKS_WITHIN, now=now
        )
        customer_id: UUID | None = await value(
            "INSERT INTO sign_in_link (id, customer_id, shop_id, token_hash, created_at, expires_at)"
            " SELECT $1, customer_id, $2, $3, $4, $5 FROM customer_identifier"
            " WHERE kind = 'email' AND scope = '' AND value_key = $6 AND verified_at IS NOT NULL RETURNING customer_id",
            new_id(now),
            shop.id,
            token_hash(token),
            now,
            now + LINK_VALID_FOR,
            identifier.value_key,
        )
        return customer_id

    customer_id = await in_one_transaction(effects)
    return None if customer_id is None else SignInLinkIssued(token, customer_id, identifier.value)


async def sign_in(token: str, *, secret: str, now: datetime) -> CustomerToken:
    """Exchange a link's token, once, for a customer token signed with the application's `secret`.

    Raises:
        SignInLinkInvalid: the link is not to be had.
    """
    used = await row(
        "UPDATE sign_in_link SET used_at = $2 WHERE token_hash = $1 AND used_at IS NULL AND expires_at > $2"
        " RETURNING customer_id, shop_id",
        token_hash(token),
        now,
    )
    if used is None:
        raise SignInLinkInvalid
    return _issued(used["customer_id"], used["shop_id"], secret=secret, now=now)


async def customer_token(email: str, *, secret: str, now: datetime) -> CustomerToken:
    """Issue a token for the customer with this e-mail address, verified or not: for the operator at the machine.

    Raises:
        IdentifierInvalid: this cannot be an e-mail address.
        NotFound: nobody has it.
    """
    identifier = normalised(IdentifierKind.EMAIL, email, shop=await _shop(None))
    found = await row(
        "SELECT c.id, c.shop_id FROM customer_identifier i JOIN customer c ON c.id = i.customer_id"
        " WHERE i.kind = 'email' AND i.scope = '' AND i.value_key = $1",
        identifier.value_key,
    )
    if found is None:
        raise NotFound(what="customer")
    return _issued(found["id"], found["shop_id"], secret=secret, now=now)


async def customer_actor(token: str, *, secret: str, shop_id: UUID | None = None, now: datetime) -> Actor:
    """Return the customer a token speaks for, or the `Claimant` when a shop names somebody unknown to us.

    `exp` is required and at most 24 hours ahead; clocks may differ by 60 seconds. With `shop_id` (the shop of the
    publishable key) the token must be of that shop. Whoever was merged into another customer is that one now.

    Raises:
        TokenInvalid: the token is not signed by whom it says, has expired, or is of another shop.
    """
    issuer = _unverified_issuer(token)
    if issuer == ISSUER:
        claims = _verified(token, _own_key(secret), issuer, now=now)
        shop, standing = await _named_shop(claims), await _standing(_uuid(claims["sub"]))
        external_id = ""
        if standing is None:
            raise TokenInvalid(problem="unknown customer")
    else:
        shop = await _issuing_shop(issuer)
        key = OctKey.import_key((await shop_secrets(shop.id)).token_secret)
        external_id = _external_id(_verified(token, key, issuer, now=now), shop)
        standing = await _standing_by_external_id(shop, external_id)
    if shop_id not in (None, shop.id):
        raise TokenInvalid(problem="another shop")
    return Claimant.of(shop, external_id) if standing is None else _customer(standing, shop)


async def forget_past_links(*, now: datetime) -> int:
    """Delete links that ended a day ago, and return how many. Upkeep, for a job."""
    return len(await rows("DELETE FROM sign_in_link WHERE expires_at < $1 RETURNING 1", now - LINKS_KEPT))


async def _shop(shop_id: UUID | None) -> ShopFacts:
    if shop_id is not None:
        return await shop_by_id(shop_id)
    shops = await all_shops()
    if not shops:
        raise NotFound(what="shop")
    return shops[0]


def _own_key(secret: str) -> OctKey:
    # The application's secret serves more than one purpose; what it signs for one is worth nothing for another.
    return OctKey.import_key(hashlib.sha256(b"regulars.customer-token\0" + secret.encode()).digest())


def _issued(customer_id: UUID, shop_id: UUID, *, secret: str, now: datetime) -> CustomerToken:
    expires_at = now + TOKEN_VALID_FOR
    claims = {
        "iss": ISSUER,
        "sub": str(customer_id),
        "shop": str(shop_id),
        "iat": int(now.timestamp()),
        "exp": int(expires_at.timestamp()),
    }
    token = jwt.encode({"alg": ALGORITHM}, claims, _own_key(secret), algorithms=[ALGORITHM])
    return CustomerToken(token, customer_id, expires_at)


def _unverified_issuer(token: str) -> str:
    """Return whom the token says it is from, to know whose key must prove it."""
    if len(token) > TOKEN_LENGTH_MAX:
        raise TokenInvalid(problem="too long")
    try:
        claims = json.loads(jws.extract_compact(token.encode("ascii")).payload or b"")
    except (JoseError, ValueError, TypeError, RecursionError):
        raise TokenInvalid(problem="malformed") from None
    issuer = claims.get("iss") if isinstance(claims, dict) else None
    if not isinstance(issuer, str):
        raise TokenInvalid(problem="no issuer")
    return issuer


def _verified(token: str, key: OctKey, issuer: str, *, now: datetime) -> Mapping[str, Any]:
    seconds, skew = int(now.timestamp()), int(CLOCK_SKEW.total_seconds())
    registry = jwt.JWTClaimsRegistry(
        now=seconds,
        leeway=skew,
        iss={"essential": True, "value": issuer},
        sub={"essential": True},
        exp={"essential": True},
    )
    try:
        claims = jwt.decode(token, key, algorithms=[ALGORITHM]).claims
        registry.validate(claims)
    except (JoseError, ValueError, TypeError, RecursionError) as refused:
        raise TokenInvalid(problem=getattr(refused, "error", "malformed")) from None
    # Written so that a NaN, which compares with nothing, is refused.
    if not claims["exp"] <= seconds + skew + TOKEN_VALID_FOR.total_seconds():
        raise TokenInvalid(problem="expires more than 24 hours from now")
    return claims


def _uuid(text: object) -> UUID:
    try:
        return UUID(str(text))
    except ValueError:
        raise TokenInvalid(problem="malformed") from None


async def _named_shop(claims: Mapping[str, Any]) -> ShopFacts:
    try:
        return await shop_by_id(_uuid(claims.get("shop")))
    except NotFound:
        raise TokenInvalid(problem="unknown shop") from None


async def _issuing_shop(code: str) -> ShopFacts:
    try:
        return await shop_by_code(code)
    except NotFound:
        raise TokenInvalid(problem="unknown issuer") from None


def _external_id(claims: Mapping[str, Any], shop: ShopFacts) -> str:
    try:
        return normalised(IdentifierKind.EXTERNAL, claims["sub"], shop=shop).value_key
    except IdentifierInvalid:
        raise TokenInvalid(problem="sub cannot be a customer's id") from None


async def _standing_by_external_id(shop: ShopFacts, external_id: str) -> asyncpg.Record | None:
    found: UUID | None = await value(
        "SELECT customer_id FROM customer_identifier WHERE kind = 'external' AND scope = $1 AND value_key = $2",
        str(shop.id),
        external_id,
    )
    return None if found is None else await _standing(found)


async def _standing(customer_id: UUID) -> asyncpg.Record | None:
    return await row(
        "WITH RECURSIVE line AS (SELECT id, locale, merged_into_id FROM customer WHERE id = $1 UNION"
        " SELECT c.id, c.locale, c.merged_into_id FROM line JOIN customer c ON c.id = line.merged_into_id)"
        " SELECT id, locale FROM line WHERE merged_into_id IS NULL",
        customer_id,
    )


def _customer(standing: asyncpg.Record, shop: ShopFacts) -> Actor:
    return replace(Actor.customer(standing["id"], shop_id=shop.id), languages=(standing["locale"],))

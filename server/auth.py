"""Credentials into actors: the only place that reads them.

The storefront takes a shop's publishable key (`X-Shop-Key`) and a customer's token; the admin API takes API keys and
personal tokens. Both take them from headers alone: a cookie counts on the console's own pages and nowhere else.
"""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from loyalty.access import Actor
from loyalty.customers import sign_in
from loyalty.refusals import NotFound
from loyalty.shops.catalogue import ShopFacts, all_shops, shop_by_publishable_key
from loyalty.staff import keys, sessions

SESSION_COOKIE = "regulars_session"
HEADER_LENGTH_MAX = 8_200

_BEARER = re.compile(r"Bearer +([!-~]+) *", re.IGNORECASE)


class BadCredentials(Exception):
    """Credentials were given and are not good, or none were given where they are needed.

    Answered with UNAUTHENTICATED. The text is for the developer of the client and says nothing about anybody.
    """


async def storefront_actor(headers: Mapping[str, str], *, secret: str, now: datetime) -> Actor:
    """Return who asks the storefront: the public, a customer, or a `Claimant` whom a shop vouches for.

    `headers` may also be what a socket's `connection_init` carried. Without a shop key the public of the only shop
    is meant, if there is only one. `secret` is the application's.

    Raises:
        BadCredentials: a shop key or a token is given and is not good.
    """
    named = {name.lower(): value for name, value in headers.items()}
    shop = await _shop(named.get("x-shop-key"))
    token = _bearer(named.get("authorization"))
    if token is None:
        shop = shop or await _only_shop()
        return Actor.public(shop_id=None if shop is None else shop.id)
    try:
        return await sign_in.customer_actor(token, secret=secret, shop_id=None if shop is None else shop.id, now=now)
    except sign_in.TokenInvalid as invalid:
        raise BadCredentials(f"The token is not accepted: {invalid.facts['problem']}.") from None


async def admin_actor(headers: Mapping[str, str], *, now: datetime) -> Actor:
    """Return who asks the admin API: a program by its API key, or a person by their personal token.

    Raises:
        BadCredentials: there is no such header, or what it holds is unknown, revoked, or of somebody disabled.
    """
    named = {name.lower(): value for name, value in headers.items()}
    secret = _bearer(named.get("authorization"))
    if secret is None:
        raise BadCredentials("The admin API needs `Authorization: Bearer` with an API key or a personal token.")
    try:
        return await keys.key_actor(secret, now=now)
    except keys.KeyUnknown:
        raise BadCredentials("The key is unknown or was revoked.") from None


@dataclass(frozen=True)
class Cookies:
    """How the session's cookie is named and read. Over https nobody but this host may set it: `__Host-`."""

    secure: bool
    idle_after: timedelta = sessions.IDLE_AFTER

    @property
    def name(self) -> str:
        """Return the cookie's name."""
        return f"__Host-{SESSION_COOKIE}" if self.secure else SESSION_COOKIE

    def token(self, cookies: Mapping[str, str]) -> str:
        """Return the session's token, or an empty text."""
        return cookies.get(self.name, "")

    async def session(self, cookies: Mapping[str, str], *, now: datetime) -> sessions.Session | None:
        """Return who is signed in to the console with these cookies, or None."""
        token = self.token(cookies)
        return await sessions.signed_in(token, idle_after=self.idle_after, now=now) if token else None


def same_origin(headers: Mapping[str, str], *, base_url: str) -> bool:
    """Tell whether a form was sent by one of our own pages.

    Browsers say where a POST comes from in `Origin`; what sends none is no browser and carries nobody's cookies
    unasked. `Sec-Fetch-Site` is believed as well where it is sent.
    """
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = headers.get("origin")
    if origin is None:
        return True
    own = urlsplit(base_url)
    hosts = {own.netloc, headers.get("host") or own.netloc}
    return origin in {f"{own.scheme}://{host}" for host in hosts}


def network_address(client_host: str | None) -> str:
    """Return the caller's network address for throttling; one text for all when the server does not know it."""
    try:
        return str(ipaddress.ip_address(client_host or ""))
    except ValueError:
        return "unknown"


async def _shop(publishable_key: str | None) -> ShopFacts | None:
    if publishable_key is None:
        return None
    try:
        return await shop_by_publishable_key(publishable_key)
    except NotFound:
        raise BadCredentials("The shop key is unknown.") from None


async def _only_shop() -> ShopFacts | None:
    shops = await all_shops()
    return shops[0] if len(shops) == 1 else None


def _bearer(authorization: str | None) -> str | None:
    if authorization is None:
        return None
    given = _BEARER.fullmatch(authorization[: HEADER_LENGTH_MAX + 1])
    if given is None or len(authorization) > HEADER_LENGTH_MAX:
        raise BadCredentials("The Authorization header must be `Bearer` and a token.")
    return given[1]

"""Customers sign in by a link to their e-mail address, or by a token of their shop's server."""

import asyncio
import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from loyalty import transactions
from loyalty.access import Actor, ActorKind, NotPermitted, Permission, require
from loyalty.customers import sign_in as sign_in_rules
from loyalty.customers.identifiers import IdentifierInvalid
from loyalty.customers.models import Customer
from loyalty.customers.sign_in import (
    Claimant,
    SignInLinkInvalid,
    TokenInvalid,
    customer_actor,
    customer_token,
    forget_past_links,
    request_sign_in_link,
    sign_in,
)
from loyalty.refusals import NotFound
from loyalty.shops.catalogue import ShopFacts, forget_shops, shop_secrets
from loyalty.throttles.attempts import Throttled
from tests.support.customers import a_customer
from tests.support.shops import a_shop

SECRET = "a secret of the application, long enough"
ADDRESS = "192.0.2.7"
EMAIL = "mari@example.com"
MINUTE = timedelta(minutes=1)

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture(autouse=True)
def _no_shop_of_an_earlier_test() -> None:
    forget_shops()


async def link_token(email: str = EMAIL, *, now: datetime) -> str | None:
    """Return the token of the link that this address would get, or None when it gets none."""
    issued = await request_sign_in_link(email, shop_id=None, address=ADDRESS, now=now)
    return None if issued is None else issued.token


async def shop_token(by: ShopFacts, *, now: datetime, algorithm: str = "HS256", **claims: Any) -> str:
    """Return a token as the shop's own server signs it for its customer 42."""
    key = OctKey.import_key((await shop_secrets(by.id)).token_secret)
    usual = {"iss": by.code, "sub": "42", "exp": int((now + timedelta(hours=1)).timestamp())}
    told = {name: value for name, value in {**usual, **claims}.items() if value is not None}
    return jwt.encode({"alg": algorithm}, told, key, algorithms=[algorithm])


def unsigned(header: dict[str, object], claims: dict[str, object]) -> str:
    """Return a token without signature."""
    parts = (base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, claims))
    return ".".join([*parts, ""])


class TestLinks:
    async def test_a_link_signs_the_customer_in_once(self, now: datetime) -> None:
        mari = await a_customer(email=EMAIL, verified=True)
        token = await link_token(" Mari@Example.com", now=now)
        assert token is not None

        signed_in = await sign_in(token, secret=SECRET, now=now)

        assert (signed_in.customer_id, signed_in.expires_at) == (mari.id, now + timedelta(hours=24))
        actor = await customer_actor(signed_in.token, secret=SECRET, now=now)
        assert actor == Actor.customer(mari.id, shop_id=mari.shop_id)
        assert actor.languages == (mari.locale,)
        with pytest.raises(SignInLinkInvalid):
            await sign_in(token, secret=SECRET, now=now)

    async def test_of_many_who_use_a_link_at_once_one_gets_in(self, now: datetime) -> None:
        await a_customer(email=EMAIL, verified=True)
        token = await link_token(now=now)
        assert token is not None

        outcomes = await asyncio.gather(
            *(sign_in(token, secret=SECRET, now=now) for _ in range(8)), return_exceptions=True
        )

        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["CustomerToken"] + ["SignInLinkInvalid"] * 7

    async def test_a_link_works_for_fifteen_minutes(self, now: datetime) -> None:
        await a_customer(email=EMAIL, verified=True)
        token = await link_token(now=now)
        assert token is not None

        with pytest.raises(SignInLinkInvalid):
            await sign_in(token, secret=SECRET, now=now + 15 * MINUTE)

        assert await sign_in(token, secret=SECRET, now=now + 15 * MINUTE - timedelta(seconds=1))

    @pytest.mark.parametrize("token", ["", "x", "\x00", "\ud800", "a" * 10_000])
    async def test_a_link_that_never_was_is_refused(self, now: datetime, token: str) -> None:
        with pytest.raises(SignInLinkInvalid):
            await sign_in(token, secret=SECRET, now=now)

    async def test_only_verified_addresses_get_a_link(self, now: datetime) -> None:
        await a_customer(email=EMAIL, verified=False)

        assert await link_token(now=now) is None
        assert await transactions.value("SELECT count(*) FROM sign_in_link") == 0

    async def test_unknown_addresses_cost_the_same_statements(
        self, now: datetime, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await a_customer(email=EMAIL, verified=True)
        await a_customer(email="unverified@example.com")
        await link_token("warm-up@example.com", now=now)  # the shops are remembered from now on

        ran = [await _statements(monkeypatch, email, now=now) for email in (EMAIL, "unverified@example.com", "x@y.ee")]

        assert ran[0] == ran[1] == ran[2]

    async def test_the_token_is_kept_as_a_hash(self, now: datetime) -> None:
        await a_customer(email=EMAIL, verified=True)

        token = await link_token(now=now)

        assert token not in await transactions.value("SELECT sign_in_link::text FROM sign_in_link")

    @pytest.mark.parametrize("email", [EMAIL, "nobody@example.com"])
    async def test_ten_links_an_hour_are_asked_for_an_address(self, now: datetime, email: str) -> None:
        await a_customer(email=EMAIL, verified=True)
        for _ in range(10):
            await link_token(email, now=now)

        with pytest.raises(Throttled):
            await link_token(email, now=now)

    async def test_sixty_links_an_hour_are_asked_from_one_place(self, now: datetime) -> None:
        await a_shop()
        for number in range(60):
            await link_token(f"nobody{number}@example.com", now=now)

        with pytest.raises(Throttled):
            await link_token("nobody@example.com", now=now)

    async def test_what_is_no_address_is_refused(self, now: datetime) -> None:
        await a_shop()

        with pytest.raises(IdentifierInvalid):
            await link_token("mari", now=now)

    async def test_upkeep_removes_links_a_day_after_their_end(self, now: datetime) -> None:
        await a_customer(email=EMAIL, verified=True)
        await link_token(now=now)
        await link_token(now=now + timedelta(days=1))

        assert await forget_past_links(now=now + timedelta(days=1, minutes=16)) == 1


async def _statements(monkeypatch: pytest.MonkeyPatch, email: str, *, now: datetime) -> list[str]:
    ran: list[str] = []

    def noting(run: Callable[..., object]) -> Callable[..., object]:
        def noted(self: object, sql: str, *values: object, **rest: object) -> object:
            ran.append(sql)
            return run(self, sql, *values, **rest)

        return noted

    with monkeypatch.context() as patched:
        for name in ("fetch", "fetchrow", "fetchval", "execute"):
            patched.setattr(asyncpg.Connection, name, noting(getattr(asyncpg.Connection, name)))
        await link_token(email, now=now)
    return ran


class TestOurTokens:
    async def test_the_operator_gets_a_token_for_any_address(self, now: datetime) -> None:
        mari = await a_customer(email=EMAIL, verified=False)

        token = await customer_token(EMAIL, secret=SECRET, now=now)

        assert (await customer_actor(token.token, secret=SECRET, now=now)).customer_id == mari.id
        with pytest.raises(NotFound):
            await customer_token("nobody@example.com", secret=SECRET, now=now)

    async def test_a_token_of_another_installation_is_refused(self, now: datetime) -> None:
        await a_customer(email=EMAIL)
        token = await customer_token(EMAIL, secret="another secret, long enough too", now=now)

        with pytest.raises(TokenInvalid, match="bad_signature"):
            await customer_actor(token.token, secret=SECRET, now=now)

    async def test_a_token_is_good_for_a_day_and_a_minute_of_skew(self, now: datetime) -> None:
        await a_customer(email=EMAIL)
        token = (await customer_token(EMAIL, secret=SECRET, now=now)).token
        day, second = timedelta(days=1), timedelta(seconds=1)

        assert await customer_actor(token, secret=SECRET, now=now + day + MINUTE - second)
        with pytest.raises(TokenInvalid, match="expired_token"):
            await customer_actor(token, secret=SECRET, now=now + day + MINUTE)

    async def test_a_token_is_of_its_shop(self, now: datetime) -> None:
        mari = await a_customer(email=EMAIL)
        other = await a_shop()
        token = (await customer_token(EMAIL, secret=SECRET, now=now)).token

        assert await customer_actor(token, secret=SECRET, shop_id=mari.shop_id, now=now)
        with pytest.raises(TokenInvalid, match="another shop"):
            await customer_actor(token, secret=SECRET, shop_id=other.id, now=now)

    async def test_who_was_merged_is_the_other_one_now(self, now: datetime) -> None:
        mari, kept = await a_customer(email=EMAIL), await a_customer()
        token = (await customer_token(EMAIL, secret=SECRET, now=now)).token
        await Customer.filter(id=mari.id).update(merged_into_id=kept.id)

        assert (await customer_actor(token, secret=SECRET, now=now)).customer_id == kept.id

    async def test_a_token_opens_only_what_is_ones_own(self, now: datetime) -> None:
        mari, other = await a_customer(email=EMAIL), await a_customer()
        actor = await customer_actor(
            (await customer_token(EMAIL, secret=SECRET, now=now)).token, secret=SECRET, now=now
        )

        require(actor, Permission.LEDGER_READ, of=mari.id)
        with pytest.raises(NotPermitted):
            require(actor, Permission.LEDGER_READ, of=other.id)


class TestShopTokens:
    async def test_a_shop_vouches_for_its_customer(self, now: datetime) -> None:
        shop = await a_shop()
        mari = await a_customer(shop=shop, external_id="42")

        actor = await customer_actor(await shop_token(shop, now=now), secret=SECRET, shop_id=shop.id, now=now)

        assert actor == Actor.customer(mari.id, shop_id=shop.id)

    async def test_whom_we_do_not_know_yet_is_public_with_the_shops_id_for_them(self, now: datetime) -> None:
        shop = await a_shop()

        actor = await customer_actor(await shop_token(shop, sub="new one", now=now), secret=SECRET, now=now)
        another = await customer_actor(await shop_token(shop, sub="another", now=now), secret=SECRET, now=now)

        assert isinstance(actor, Claimant)
        assert (actor.kind, actor.shop_id, actor.claimed_external_id) == (ActorKind.PUBLIC, shop.id, "new one")
        assert (actor.permissions, actor.customer_id) == (frozenset(), None)
        assert actor.reference != another.reference
        assert "new one" not in actor.reference

    async def test_another_shops_customer_of_the_same_id_is_somebody_else(self, now: datetime) -> None:
        shop, other = await a_shop(), await a_shop()
        await a_customer(shop=other, external_id="42")

        actor = await customer_actor(await shop_token(shop, now=now), secret=SECRET, now=now)

        assert isinstance(actor, Claimant)
        assert actor.shop_id == shop.id

    async def test_a_shop_cannot_speak_for_another(self, now: datetime) -> None:
        shop, other = await a_shop(), await a_shop()
        await a_customer(shop=other, external_id="42")

        with pytest.raises(TokenInvalid, match="bad_signature"):
            await customer_actor(await shop_token(shop, iss=other.code, now=now), secret=SECRET, now=now)
        with pytest.raises(TokenInvalid, match="another shop"):
            await customer_actor(await shop_token(other, now=now), secret=SECRET, shop_id=shop.id, now=now)
        with pytest.raises(TokenInvalid, match="another shop"):
            await customer_actor(await shop_token(shop, now=now), secret=SECRET, shop_id=other.id, now=now)

    async def test_a_shop_cannot_issue_in_our_name(self, now: datetime) -> None:
        shop = await a_shop()
        mari = await a_customer(shop=shop)
        forged = await shop_token(shop, iss="regulars", sub=str(mari.id), shop=str(shop.id), now=now)

        with pytest.raises(TokenInvalid, match="bad_signature"):
            await customer_actor(forged, secret=SECRET, now=now)

    @pytest.mark.parametrize("algorithm", ["none", "None", "HS384", "RS256", "ES256", "", None, 7, ["HS256"]])
    async def test_any_algorithm_but_ours_is_refused(self, now: datetime, algorithm: object) -> None:
        shop = await a_shop()
        claims: dict[str, object] = {"iss": shop.code, "sub": "42", "exp": int((now + MINUTE).timestamp())}
        token = unsigned({"alg": algorithm, "typ": "JWT"}, claims)

        for signature in ("", "AAAA"):
            with pytest.raises(TokenInvalid):
                await customer_actor(token + signature, secret=SECRET, now=now)

    async def test_a_longer_hash_with_the_right_key_is_refused_too(self, now: datetime) -> None:
        shop = await a_shop()

        with pytest.raises(TokenInvalid, match="unsupported_algorithm"):
            await customer_actor(await shop_token(shop, algorithm="HS512", now=now), secret=SECRET, now=now)

    @pytest.mark.parametrize(
        ("seconds", "good"), [(-61, False), (-60, False), (-59, True), (86_400, True), (86_460, True), (86_461, False)]
    )
    async def test_a_token_ends_within_a_day_give_or_take_a_minute(
        self, now: datetime, seconds: int, good: bool
    ) -> None:
        shop = await a_shop()
        token = await shop_token(shop, exp=int(now.timestamp()) + seconds, now=now)

        if good:
            assert await customer_actor(token, secret=SECRET, now=now)
        else:
            with pytest.raises(TokenInvalid):
                await customer_actor(token, secret=SECRET, now=now)

    @pytest.mark.parametrize(
        "claims",
        [
            {"exp": None},
            {"exp": "tomorrow"},
            {"exp": float("nan")},
            {"exp": float("inf")},
            {"exp": 10**400},
            {"sub": None},
            {"sub": ""},
            {"sub": 42},
            {"sub": "a\x00b"},
            {"sub": "a" * 300},
            {"iss": None},
            {"iss": "no such shop"},
            {"iss": ["regulars"]},
            {"iss": "regulars"},
            {"nbf": 4_000_000_000},
            {"iat": 4_000_000_000},
        ],
    )
    async def test_claims_that_cannot_be_are_refused(self, now: datetime, claims: dict[str, object]) -> None:
        shop = await a_shop()
        key = OctKey.import_key((await shop_secrets(shop.id)).token_secret)
        usual = {"iss": shop.code, "sub": "42", "exp": int((now + MINUTE).timestamp())}
        told = {name: value for name, value in {**usual, **claims}.items() if value is not None}
        token = jwt.encode({"alg": "HS256"}, told, key)

        with pytest.raises(TokenInvalid):
            await customer_actor(token, secret=SECRET, now=now)

    @pytest.mark.parametrize(
        "token",
        [
            "",
            ".",
            "..",
            "a.b.c",
            "é.é.é",
            "\ud800",
            "W10.W10.W10",
            "e30.e30.e30",
            "a" * 100_000,
            "e30." + "W1t" * 2_000,
        ],
    )
    async def test_what_is_no_token_is_refused(self, now: datetime, token: str) -> None:
        await a_shop()

        with pytest.raises(TokenInvalid):
            await customer_actor(token, secret=SECRET, now=now)

    async def test_a_single_changed_character_is_noticed(self, now: datetime) -> None:
        shop = await a_shop()
        token = await shop_token(shop, now=now)

        for position in range(0, len(token) - 1, 5):
            changed = token[:position] + ("A" if token[position] != "A" else "B") + token[position + 1 :]
            with pytest.raises(TokenInvalid):
                await customer_actor(changed, secret=SECRET, now=now)


async def test_the_signature_of_rfc_7515_is_understood_and_its_token_long_over(now: datetime) -> None:
    # RFC 7515, appendix A.1: HS256, issued by "joe", expired in March 2011, without "sub".
    token = (
        "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9"
        ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
        ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    )
    key = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"
    right, wrong = OctKey.import_key({"kty": "oct", "k": key}), OctKey.import_key("another key, long enough")

    with pytest.raises(TokenInvalid, match="missing_claim"):
        sign_in_rules._verified(token, right, "joe", now=datetime(2011, 3, 22, tzinfo=UTC))
    with pytest.raises(TokenInvalid, match=r"missing_claim|expired_token"):
        sign_in_rules._verified(token, right, "joe", now=now)
    with pytest.raises(TokenInvalid, match="bad_signature"):
        sign_in_rules._verified(token, wrong, "joe", now=now)

"""Credentials into actors, and nothing but headers."""

from datetime import datetime, timedelta

import pytest

from loyalty.access import Actor, ActorKind, Permission, Role
from loyalty.customers.sign_in import Claimant, customer_token
from loyalty.shops.catalogue import forget_shops
from loyalty.staff.keys import create_personal_token, revoke_api_key
from server.auth import BadCredentials, Cookies, admin_actor, network_address, same_origin, storefront_actor
from tests.loyalty.customers.test_sign_in import shop_token
from tests.support.customers import a_customer
from tests.support.shops import a_shop
from tests.support.staff import SYSTEM, a_key, a_person, signed_in_as

SECRET = "a secret of the application, long enough"
BASE_URL = "https://regulars.example"


@pytest.fixture(autouse=True)
def _no_shop_of_an_earlier_test() -> None:
    forget_shops()


@pytest.mark.usefixtures("database")
class TestStorefront:
    async def test_without_any_header_somebody_is_the_public_of_the_only_shop(self, now: datetime) -> None:
        shop = await a_shop()
        assert await storefront_actor({}, secret=SECRET, now=now) == Actor.public(shop_id=shop.id)

        await a_shop()
        assert await storefront_actor({}, secret=SECRET, now=now) == Actor.public()

    async def test_a_publishable_key_says_which_shop(self, now: datetime) -> None:
        await a_shop()
        shop = await a_shop()

        actor = await storefront_actor({"X-Shop-Key": shop.publishable_key}, secret=SECRET, now=now)

        assert actor == Actor.public(shop_id=shop.id)

    async def test_a_customers_token_says_who(self, now: datetime) -> None:
        shop = await a_shop()
        mari = await a_customer(shop=shop, email="mari@example.com", external_id="42")
        ours = (await customer_token("mari@example.com", secret=SECRET, now=now)).token
        theirs = await shop_token(shop, now=now)

        for token in (ours, theirs):
            for scheme in ("Bearer", "bearer"):
                headers = {"authorization": f"{scheme} {token}", "x-shop-key": shop.publishable_key}
                assert (await storefront_actor(headers, secret=SECRET, now=now)).customer_id == mari.id

    async def test_a_shop_may_vouch_for_somebody_new(self, now: datetime) -> None:
        shop = await a_shop()

        headers = {"authorization": f"Bearer {await shop_token(shop, sub='new', now=now)}"}

        assert isinstance(await storefront_actor(headers, secret=SECRET, now=now), Claimant)

    async def test_a_token_beside_another_shops_key_is_refused(self, now: datetime) -> None:
        shop, other = await a_shop(), await a_shop()
        await a_customer(shop=shop, external_id="42")
        headers = {"authorization": f"Bearer {await shop_token(shop, now=now)}", "x-shop-key": other.publishable_key}

        with pytest.raises(BadCredentials):
            await storefront_actor(headers, secret=SECRET, now=now)

    @pytest.mark.parametrize(
        "headers",
        [
            {"x-shop-key": "reg_pk_unknown"},
            {"x-shop-key": ""},
            {"authorization": ""},
            {"authorization": "Bearer"},
            {"authorization": "Bearer "},
            {"authorization": "Basic bWFyaTpwYXNzd29yZA=="},
            {"authorization": "Bearer a b"},
            {"authorization": "Bearer é"},
            {"authorization": "Bearer " + "a" * 100_000},
            {"authorization": "Bearer eyJhbGciOiJub25lIn0.e30."},
        ],
    )
    async def test_what_is_given_must_be_good(self, now: datetime, headers: dict[str, str]) -> None:
        await a_shop()

        with pytest.raises(BadCredentials):
            await storefront_actor(headers, secret=SECRET, now=now)

    async def test_staff_and_programs_are_not_customers(self, now: datetime) -> None:
        await a_shop()
        _, key = await a_key(now=now)
        begun = await signed_in_as(await a_person(now=now), now=now)

        for token in (key, begun.token):
            with pytest.raises(BadCredentials):
                await storefront_actor({"authorization": f"Bearer {token}"}, secret=SECRET, now=now)

    async def test_a_session_cookie_counts_for_nothing(self, now: datetime) -> None:
        shop = await a_shop()
        begun = await signed_in_as(await a_person(now=now), now=now)
        headers = {"cookie": f"regulars_session={begun.token}"}

        assert await storefront_actor(headers, secret=SECRET, now=now) == Actor.public(shop_id=shop.id)
        with pytest.raises(BadCredentials):
            await admin_actor(headers, now=now)


@pytest.mark.usefixtures("database")
class TestAdmin:
    async def test_a_program_acts_by_its_key_until_it_is_revoked(self, now: datetime) -> None:
        key, secret = await a_key(Permission.ORDERS_RECORD, now=now)
        headers = {"Authorization": f"Bearer {secret}"}

        assert await admin_actor(headers, now=now) == Actor.key(key.id, frozenset({Permission.ORDERS_RECORD}))

        await revoke_api_key(SYSTEM, key.id, now=now)
        with pytest.raises(BadCredentials):
            await admin_actor(headers, now=now)

    async def test_a_person_acts_by_their_personal_token(self, now: datetime) -> None:
        person = await a_person(Role.SUPPORT, now=now, language="pl")
        _, secret = await create_personal_token(person.actor, name="Script", now=now)

        actor = await admin_actor({"authorization": f"Bearer {secret}"}, now=now)

        assert (actor, actor.languages) == (person.actor, ("pl",))

    async def test_a_session_is_no_key(self, now: datetime) -> None:
        begun = await signed_in_as(await a_person(now=now), now=now)

        with pytest.raises(BadCredentials):
            await admin_actor({"authorization": f"Bearer {begun.token}"}, now=now)

    async def test_customers_and_the_public_are_outside(self, now: datetime) -> None:
        shop = await a_shop()
        await a_customer(shop=shop, external_id="42")

        for headers in ({}, {"authorization": f"Bearer {await shop_token(shop, now=now)}"}):
            with pytest.raises(BadCredentials):
                await admin_actor(headers, now=now)


@pytest.mark.usefixtures("database")
class TestConsoleCookie:
    async def test_the_cookie_says_who_is_signed_in_until_it_has_been_idle(self, now: datetime) -> None:
        person = await a_person(now=now)
        begun = await signed_in_as(person, now=now)
        cookies = Cookies(secure=False, idle_after=timedelta(minutes=5))

        session = await cookies.session({"regulars_session": begun.token}, now=now)

        assert session is not None
        assert session.actor.kind is ActorKind.STAFF
        assert await cookies.session({"regulars_session": begun.token}, now=now + timedelta(minutes=5)) is None
        assert await cookies.session({}, now=now) is None

    async def test_over_https_only_this_host_may_have_set_it(self, now: datetime) -> None:
        begun = await signed_in_as(await a_person(now=now), now=now)
        cookies = Cookies(secure=True)

        assert cookies.name == "__Host-regulars_session"
        assert await cookies.session({"regulars_session": begun.token}, now=now) is None


@pytest.mark.parametrize(
    ("headers", "ours"),
    [
        ({}, True),
        ({"origin": BASE_URL}, True),
        ({"origin": BASE_URL, "sec-fetch-site": "same-origin"}, True),
        ({"origin": "https://localhost:8000", "host": "localhost:8000"}, True),
        ({"origin": "http://localhost:8000", "host": "localhost:8000"}, False),
        ({"origin": "https://evil.example", "host": "regulars.example"}, False),
        ({"origin": "https://regulars.example.evil.example", "host": "regulars.example"}, False),
        ({"origin": "null", "host": "regulars.example"}, False),
        ({"origin": "null"}, False),
        ({"origin": ""}, False),
        ({"origin": "https://[", "host": "localhost"}, False),
        ({"origin": BASE_URL, "sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "same-site"}, False),
    ],
)
def test_a_form_is_ours_when_it_comes_from_our_own_origin(headers: dict[str, str], ours: bool) -> None:
    assert same_origin(headers, base_url=BASE_URL) is ours


@pytest.mark.parametrize(
    ("host", "address"),
    [("192.0.2.7", "192.0.2.7"), ("2001:DB8::1", "2001:db8::1"), (None, "unknown"), ("testclient", "unknown")],
)
def test_a_network_address_is_known_or_it_is_not(host: str | None, address: str) -> None:
    assert network_address(host) == address

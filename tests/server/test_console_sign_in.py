"""The console's plain pages: they work without script, and believe nobody."""

import re
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import httpx
import pyotp
import pytest
from starlette.applications import Starlette

from loyalty import transactions
from loyalty.access import Role
from loyalty.clock import FixedClock
from loyalty.staff.invitations import invite_staff
from loyalty.staff.keys import key_actor
from loyalty.staff.roles import disable_staff
from loyalty.staff.second_factor import new_second_factor, set_second_factor
from loyalty.staff.sessions import sign_out_everywhere
from loyalty.words.languages import LANGUAGES
from loyalty.words.wording import label, worded
from server.routes.console import console_routes
from tests.support.staff import PASSWORD, SYSTEM, a_person, an_actor

HTTP, HTTPS = "http://localhost:8000", "https://regulars.example"
ADMIN = an_actor(Role.ADMIN)

pytestmark = pytest.mark.usefixtures("database")


def browser_at(base_url: str, clock: FixedClock, **headers: str) -> httpx.AsyncClient:
    """Return a browser that keeps cookies and follows no redirect by itself."""
    app = Starlette(routes=console_routes(clock=clock, base_url=base_url, graphiql_path="/graphql/admin"))
    transport = httpx.ASGITransport(app, client=("192.0.2.7", 1234))
    return httpx.AsyncClient(transport=transport, base_url=base_url, headers={"origin": base_url, **headers})


@pytest.fixture
async def browser(clock: FixedClock) -> AsyncIterator[httpx.AsyncClient]:
    """Return a browser at this machine."""
    async with browser_at(HTTP, clock) as client:
        yield client


async def sign_in(browser: httpx.AsyncClient, email: str, password: str = PASSWORD) -> httpx.Response:
    """Send the sign-in form."""
    return await browser.post("/console", data={"email": email, "password": password})


def hidden(page: str, name: str) -> str:
    """Return the value of a hidden field."""
    found = re.search(rf'<input type="hidden" name="{name}" value="([^"]*)"', page)
    assert found, f"no hidden {name}"
    return found[1]


class TestSigningIn:
    async def test_the_right_password_leads_to_the_console(self, browser: httpx.AsyncClient, now: datetime) -> None:
        person = await a_person(Role.SUPPORT, now=now)

        answer = await sign_in(browser, person.email)
        home = await browser.get("/console")

        assert (answer.status_code, answer.headers["location"]) == (303, "/console")
        assert person.name in home.text
        assert worded("console.home.roles", "en", roles=label("role", "support", "en")) in home.text
        assert 'href="/graphql/admin"' in home.text

    async def test_a_wrong_password_is_told_beside_its_field_and_the_address_stays(
        self, browser: httpx.AsyncClient, now: datetime
    ) -> None:
        person = await a_person(now=now)

        answer = await sign_in(browser, person.email, "wrong password")

        assert answer.status_code == 422
        assert 'aria-describedby="password-error" aria-invalid="true"' in answer.text
        assert f'value="{person.email}"' in answer.text
        assert "wrong password" not in answer.text
        assert "set-cookie" not in answer.headers

    async def test_too_many_tries_are_told_with_when_to_come_back(
        self, browser: httpx.AsyncClient, now: datetime
    ) -> None:
        for _ in range(10):
            await sign_in(browser, "nobody@example.com")

        answer = await sign_in(browser, "nobody@example.com")

        assert answer.status_code == 429
        assert 900 <= int(answer.headers["retry-after"]) <= 1_080
        assert "Too many attempts" in answer.text

    async def test_who_uses_codes_is_asked_for_one(self, browser: httpx.AsyncClient, now: datetime) -> None:
        person = await a_person(now=now)
        secret = new_second_factor(person, issuer="Regulars").secret
        code = pyotp.TOTP(secret)
        before = now - timedelta(hours=1)
        await set_second_factor(person.actor, secret=secret, code=code.at(before), now=before)

        asked = await sign_in(browser, person.email)
        assert (asked.status_code, "set-cookie" in asked.headers) == (200, False)
        assert 'autocomplete="one-time-code"' in asked.text
        assert PASSWORD not in asked.text

        wrong = await browser.post("/console", data={"ticket": hidden(asked.text, "ticket"), "code": "000000"})
        assert wrong.status_code == 422
        assert 'id="code-error"' in wrong.text

        right = await browser.post("/console", data={"ticket": hidden(wrong.text, "ticket"), "code": code.at(now)})
        assert right.status_code == 303
        assert person.name in (await browser.get("/console")).text

    async def test_every_sign_in_has_a_new_cookie_and_a_planted_one_is_worth_nothing(
        self, browser: httpx.AsyncClient, now: datetime
    ) -> None:
        person = await a_person(now=now)
        browser.cookies.set("regulars_session", "planted", domain="localhost.local", path="/")

        first = (await sign_in(browser, person.email)).cookies["regulars_session"]
        second = (await sign_in(browser, person.email)).cookies["regulars_session"]

        assert len({"planted", first, second}) == 3
        for old in ("planted", first):
            answer = await browser.get("/console", headers={"cookie": f"regulars_session={old}"})
            assert person.name not in answer.text

    async def test_the_cookie_on_plain_http(self, browser: httpx.AsyncClient, now: datetime) -> None:
        person = await a_person(now=now)

        [cookie] = (await sign_in(browser, person.email)).headers.get_list("set-cookie")

        assert re.fullmatch(r"regulars_session=[\w-]{43}; HttpOnly; Path=/; SameSite=strict", cookie)

    async def test_the_cookie_over_https_belongs_to_the_host(self, clock: FixedClock, now: datetime) -> None:
        person = await a_person(now=now)

        async with browser_at(HTTPS, clock) as browser:
            answer = await sign_in(browser, person.email)

        assert re.fullmatch(
            r"__Host-regulars_session=[\w-]{43}; HttpOnly; Path=/; SameSite=strict; Secure",
            answer.headers["set-cookie"],
        )
        assert answer.headers["strict-transport-security"] == "max-age=31536000"


class TestBeingSignedIn:
    async def test_an_idle_session_is_over_and_the_page_says_so(
        self, browser: httpx.AsyncClient, clock: FixedClock, now: datetime
    ) -> None:
        person = await a_person(now=now)
        await sign_in(browser, person.email)

        clock.advance(timedelta(minutes=15))
        answer = await browser.get("/console")

        assert "You are not signed in any more" in answer.text
        assert "Max-Age=0" in answer.headers["set-cookie"]

    async def test_signing_out_ends_the_session_and_takes_the_cookie(
        self, browser: httpx.AsyncClient, now: datetime
    ) -> None:
        person = await a_person(now=now)
        token = (await sign_in(browser, person.email)).cookies["regulars_session"]

        answer = await browser.post("/console/sign-out", data={})

        assert answer.status_code == 303
        assert "Max-Age=0" in answer.headers["set-cookie"]
        replayed = await browser.get("/console", headers={"cookie": f"regulars_session={token}"})
        assert person.name not in replayed.text

    @pytest.mark.parametrize("ended_by", ["disabling", "signing out everywhere"])
    async def test_whoever_is_shut_out_is_out_at_the_next_request(
        self, browser: httpx.AsyncClient, now: datetime, ended_by: str
    ) -> None:
        await a_person(now=now)
        person = await a_person(now=now)
        await sign_in(browser, person.email)

        if ended_by == "disabling":
            await disable_staff(SYSTEM, person.id, now=now)
        else:
            await sign_out_everywhere(SYSTEM, person.id, now=now)

        assert person.name not in (await browser.get("/console")).text
        assert (await browser.post("/console/tokens", data={"name": "Script"})).status_code == 401
        assert await transactions.value("SELECT count(*) FROM api_key") == 0

    async def test_a_personal_token_is_shown_once_and_can_be_revoked(
        self, browser: httpx.AsyncClient, now: datetime
    ) -> None:
        person = await a_person(Role.SUPPORT, now=now)
        await sign_in(browser, person.email)

        made = await browser.post("/console/tokens", data={"name": "My <script>"})
        [secret] = re.findall(r"reg_pat_[0-9a-f]{8}_[0-9a-f]{64}", made.text)
        later = await browser.get("/console")

        assert await key_actor(secret, now=now) == person.actor
        assert secret not in later.text
        assert "My &lt;script&gt;" in later.text

        await browser.post("/console/tokens/revoke", data={"key": hidden(later.text, "key")})
        assert "You have no tokens yet" in (await browser.get("/console")).text

    async def test_a_token_without_a_name_is_told_beside_the_field(
        self, browser: httpx.AsyncClient, now: datetime
    ) -> None:
        await sign_in(browser, (await a_person(now=now)).email)

        answer = await browser.post("/console/tokens", data={"name": " "})

        assert answer.status_code == 422
        assert 'id="name-error"' in answer.text

    async def test_an_authenticator_app_is_set_up_with_its_first_code(
        self, browser: httpx.AsyncClient, clock: FixedClock, now: datetime
    ) -> None:
        person = await a_person(now=now)
        old = (await sign_in(browser, person.email)).cookies["regulars_session"]
        shown = await browser.get("/console/second-factor")
        secret = hidden(shown.text, "secret")

        wrong = await browser.post("/console/second-factor", data={"secret": secret, "code": "1"})
        assert (wrong.status_code, hidden(wrong.text, "secret")) == (422, secret)
        right = await browser.post(
            "/console/second-factor", data={"secret": secret, "code": pyotp.TOTP(secret).at(now)}
        )

        assert right.status_code == 303
        assert right.cookies["regulars_session"] != old
        assert "a code from your authenticator app" in (await browser.get("/console")).text


class TestInvitations:
    async def test_somebody_new_sets_a_password_and_signs_in(self, browser: httpx.AsyncClient, now: datetime) -> None:
        link = await invite_staff(
            ADMIN, email="mari@example.com", name="Mari", roles=[Role.SUPPORT], language="et", now=now
        )
        path = f"/console/invitation/{link.token}"

        shown = await browser.get(path)
        short = await browser.post(path, data={"password": "short"})
        done = await browser.post(path, data={"password": PASSWORD})
        again = await browser.post(path, data={"password": PASSWORD})

        assert "Tere tulemast, Mari" in shown.text
        assert (short.status_code, 'id="password-error"' in short.text) == (422, True)
        assert (done.status_code, "Your password is set" in done.text) == (200, True)
        assert again.status_code == 404
        assert (await sign_in(browser, "mari@example.com")).status_code == 303

    async def test_an_invitation_that_never_was_is_not_found(self, browser: httpx.AsyncClient) -> None:
        assert (await browser.get("/console/invitation/unknown")).status_code == 404
        assert (await browser.post("/console/invitation/unknown", data={"password": PASSWORD})).status_code == 404


class TestTrustingNobody:
    @pytest.mark.parametrize(
        "headers", [{"origin": "https://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}]
    )
    @pytest.mark.parametrize(
        "path",
        [
            "/console",
            "/console/sign-out",
            "/console/tokens",
            "/console/tokens/revoke",
            "/console/second-factor",
            "/console/invitation/x",
        ],
    )
    async def test_a_form_of_another_page_does_nothing(
        self, browser: httpx.AsyncClient, now: datetime, path: str, headers: dict[str, str]
    ) -> None:
        person = await a_person(now=now)
        await sign_in(browser, person.email)

        data = {"email": person.email, "password": PASSWORD, "name": "Script"}
        answer = await browser.post(path, data=data, headers=headers)

        assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)
        assert person.name in (await browser.get("/console")).text
        assert await transactions.value("SELECT count(*) FROM api_key") == 0

    @pytest.mark.parametrize(
        ("content", "content_type", "status"),
        [
            (b"{}", "application/json", 415),
            (b"email=a", "text/plain", 415),
            (b"email=a", "", 415),
            (b"a=" + b"b" * 20_000, "application/x-www-form-urlencoded", 413),
            (b"&".join([b"a=b"] * 50), "application/x-www-form-urlencoded", 400),
            (b"email=\xff", "application/x-www-form-urlencoded", 400),
            (b"", "application/x-www-form-urlencoded", 422),
            (b"email=%00&password=%00", "application/x-www-form-urlencoded", 422),
            (b"email=a&password=" + b"b" * 10_000, "application/x-www-form-urlencoded", 422),
            (b"ticket=%ED%A0%80&code=1", "application/x-www-form-urlencoded; charset=utf-8", 422),
        ],
    )
    async def test_odd_bodies_are_refused_politely(
        self, browser: httpx.AsyncClient, content: bytes, content_type: str, status: int
    ) -> None:
        answer = await browser.post("/console", content=content, headers={"content-type": content_type})

        assert answer.status_code == status
        assert answer.headers["content-type"] == "text/html; charset=utf-8"

    async def test_what_somebody_is_called_is_text_and_nothing_else(
        self, browser: httpx.AsyncClient, now: datetime
    ) -> None:
        answer = await browser.post("/console", data={"email": '"><script>alert(1)</script>', "password": "x"})

        assert "<script" not in answer.text

    async def test_every_answer_is_protected(self, browser: httpx.AsyncClient, now: datetime) -> None:
        person = await a_person(now=now)
        answers = [
            await browser.get("/console"),
            await browser.get("/console/invitation/x"),
            await browser.post("/console", data={}, headers={"origin": "https://evil.example"}),
            await sign_in(browser, person.email),
            await browser.get("/console"),
            await browser.get("/console/second-factor"),
        ]

        for answer in answers:
            policy = answer.headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "frame-ancestors 'none'" in policy
            assert "unsafe" not in policy
            assert answer.headers["cache-control"] == "no-store"
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["x-frame-options"] == "DENY"
            assert answer.headers["referrer-policy"] == "same-origin"
            assert " style=" not in answer.text
            assert " on" not in re.sub(r">[^<]*<", "><", answer.text.split("</style>")[-1])


class _Labels(HTMLParser):
    """Collects what has a label and what needs one."""

    def __init__(self) -> None:
        super().__init__()
        self.labelled: set[str | None] = set()
        self.fields: set[str | None] = set()
        self.described: set[str] = set()
        self.ids: set[str | None] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told: dict[str, Any] = dict(attrs)
        self.ids.add(told.get("id"))
        if tag == "label":
            self.labelled.add(told["for"])
        if tag == "input" and told["type"] != "hidden":
            self.fields.add(told["id"])
            self.described.update(told.get("aria-describedby", "").split())


class TestReading:
    @pytest.mark.parametrize("language", LANGUAGES)
    async def test_pages_are_in_the_readers_language_with_a_label_for_each_field(
        self, clock: FixedClock, now: datetime, language: str
    ) -> None:
        person = await a_person(now=now)

        async with browser_at(HTTP, clock, **{"accept-language": f"{language}-XX, de;q=0.5"}) as browser:
            shown = [await browser.get("/console"), await sign_in(browser, person.email, "wrong password")]
            await sign_in(browser, person.email)
            shown += [await browser.get("/console"), await browser.get("/console/second-factor")]

        assert worded("console.sign-in.password", language) in shown[0].text
        assert worded("console.home.tokens", language) in shown[2].text
        for page in shown:
            assert f'<html lang="{language}">' in page.text
            assert 'name="viewport" content="width=device-width, initial-scale=1"' in page.text
            assert "console." not in page.text
            read = _Labels()
            read.feed(page.text)
            assert read.fields == read.labelled
            assert read.described <= read.ids

    async def test_a_browser_that_speaks_none_of_ours_gets_the_persons_language(
        self, clock: FixedClock, now: datetime
    ) -> None:
        person = await a_person(now=now, language="sv")

        async with browser_at(HTTP, clock, **{"accept-language": "de"}) as browser:
            assert '<html lang="en">' in (await browser.get("/console")).text
            await sign_in(browser, person.email)
            assert '<html lang="sv">' in (await browser.get("/console")).text

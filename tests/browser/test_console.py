"""The console's pages as people use them, by keyboard, on a desk and a phone: signing in and out, codes, tokens."""

import re
from dataclasses import replace
from datetime import datetime, timedelta

import pyotp
import pytest

from loyalty.access import Role
from loyalty.staff.invitations import invite_staff
from loyalty.staff.keys import create_personal_token
from loyalty.staff.sessions import SignInRefused
from loyalty.transactions import value
from loyalty.words.wording import refusal_worded, worded
from server.routes import console_pages as pages
from tests.browser.conftest import Visiting
from tests.browser.payloads import PAYLOADS
from tests.support.browser import DESK, LOOKS, PHONE, Look, Site, Visit
from tests.support.staff import PASSWORD, SYSTEM, a_person

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.usefixtures("site")]

READ = """(pages) => pages.map((text) => {
    const elements = [...new DOMParser().parseFromString(text, "text/html").querySelectorAll("*")];
    const live = elements.filter((e) => [...e.attributes].some((a) => a.name.startsWith("on")));
    return [elements.find((e) => e.matches("h1")).textContent, elements.length, live.length];
})"""
"""What a browser makes of each page: its heading, how many elements, and how many of them do something."""

looks = pytest.mark.parametrize("look", [DESK, PHONE], ids=str)


async def sign_in(visitor: Visit, email: str, password: str = PASSWORD) -> None:
    """Sign in with the keyboard alone: the page begins in its first field."""
    await visitor.open("/console")
    await visitor.write(email)
    await visitor.press("Tab")
    await visitor.write(password)
    await visitor.send("Enter")


async def heading(visitor: Visit) -> str:
    """Return what the page is called."""
    return await visitor.page.inner_text("h1")


@looks
async def test_a_wrong_password_is_told_beside_the_field_and_the_address_stays(
    visit: Visiting, now: datetime, look: Look
) -> None:
    person = await a_person(now=now)
    visitor = await visit(look)

    await sign_in(visitor, person.email, "wrong password")

    told = visitor.page.locator("#password-error")
    assert await told.inner_text() == refusal_worded(SignInRefused(), look.language)
    assert await visitor.page.input_value("#email") == person.email
    assert await visitor.page.input_value("#password") == ""
    assert await visitor.focused() == worded("console.sign-in.password", look.language)
    assert await visitor.faults() == []

    await visitor.write(PASSWORD)
    await visitor.send("Enter")

    assert await heading(visitor) == person.name


@looks
async def test_codes_are_set_up_and_asked_for(visit: Visiting, site: Site, now: datetime, look: Look) -> None:
    person = await a_person(now=now)
    visitor = await visit(look)
    await sign_in(visitor, person.email)

    await visitor.page.get_by_role("link", name=worded("console.second-factor.set-up", look.language)).press("Enter")
    app = pyotp.TOTP("".join((await visitor.page.inner_text(".secret")).split()))
    assert await visitor.faults() == []
    await visitor.page.focus("#code")
    await visitor.write("000000")
    await visitor.send("Enter")
    assert await visitor.faults() == []
    await visitor.write(app.at(now))
    await visitor.send("Enter")

    assert worded("console.second-factor.on", look.language) in await visitor.page.inner_text("main")
    assert await visitor.faults() == []

    site.clock.advance(timedelta(minutes=1))
    await visitor.page.click("header button")
    await sign_in(visitor, person.email)
    assert await heading(visitor) == worded("console.sign-in.code-title", look.language)
    assert await visitor.focused() == worded("console.sign-in.code", look.language)
    assert await visitor.faults() == []

    await visitor.write(app.at(now + timedelta(minutes=1)))
    await visitor.send("Enter")

    assert await heading(visitor) == person.name


@looks
async def test_a_token_is_made_shown_once_and_revoked_after_asking_again(
    visit: Visiting, now: datetime, look: Look
) -> None:
    person = await a_person(Role.SUPPORT, now=now)
    visitor = await visit(look)
    await sign_in(visitor, person.email)

    await visitor.page.focus("#name")
    await visitor.write("Weekly sales")
    await visitor.send("Enter")
    shown = await visitor.page.inner_text(".secret")
    assert re.fullmatch(r"reg_pat_[0-9a-f]{8}_[0-9a-f]{64}", shown)
    assert shown in await visitor.focused()
    assert await visitor.faults() == []

    await visitor.open("/console")
    assert shown not in await visitor.page.content()
    assert await visitor.page.inner_text("li strong") == "Weekly sales"

    await visitor.page.focus("summary")
    await visitor.press("Enter")
    assert worded("console.home.token-revoke-means", look.language) in await visitor.page.inner_text("li")
    assert await visitor.faults() == []
    await visitor.press("Tab")
    assert await visitor.focused() == worded("console.home.token-revoke-named", look.language, name="Weekly sales")
    await visitor.send("Enter")

    assert worded("console.home.token-none", look.language) in await visitor.page.inner_text("main")


async def test_a_token_wants_a_name(visit: Visiting, now: datetime) -> None:
    person = await a_person(now=now)
    visitor = await visit()
    await sign_in(visitor, person.email)

    await visitor.page.focus("#name")
    await visitor.write(" ")
    await visitor.send("Enter")

    assert await visitor.page.inner_text("#name-error") == "Give it a name of 1 to 200 visible characters."
    assert await visitor.focused() == worded("console.home.token-name", "en")
    assert await visitor.faults() == []


async def test_signing_out_leads_back_and_the_way_back_shows_nothing(visit: Visiting, now: datetime) -> None:
    person = await a_person(now=now)
    visitor = await visit()
    await sign_in(visitor, person.email)

    await visitor.page.focus("header button")
    await visitor.send("Enter")
    assert await heading(visitor) == worded("console.sign-in.title", "en")

    await visitor.page.go_back()

    assert person.name not in await visitor.page.content()


async def test_somebody_new_sets_a_password_and_signs_in_with_it(visit: Visiting, now: datetime) -> None:
    invited = await invite_staff(
        SYSTEM, email="mari@example.com", name="Mari Maasikas", roles=[Role.SUPPORT], language="et", now=now
    )
    visitor = await visit(Look(390, language="de"))

    await visitor.open(f"/console/invitation/{invited.token}")
    assert await heading(visitor) == worded("console.invitation.title", "et", name="Mari Maasikas")
    assert await visitor.faults() == []
    await visitor.write("short")
    await visitor.send("Enter")
    assert await visitor.page.is_visible("#password-error")
    await visitor.write(PASSWORD)
    await visitor.send("Enter")
    assert await visitor.page.input_value("#email") == "mari@example.com"
    await visitor.write(PASSWORD)
    await visitor.send("Enter")

    assert await heading(visitor) == "Mari Maasikas"


@pytest.mark.parametrize("look", LOOKS, ids=str)
async def test_every_page_is_in_order_in_every_language_width_and_theme(
    visit: Visiting, now: datetime, look: Look
) -> None:
    person = await a_person(*Role, now=now)
    await create_personal_token(person.actor, name="A token with a name of 60 characters, as somebody may do", now=now)
    visitor = await visit(look)

    faults = {}
    for path in ("/console", "/console/invitation/unknown"):
        await visitor.open(path)
        faults[path] = await visitor.faults()
        assert await visitor.page.get_attribute("html", "lang") == look.language
    await sign_in(visitor, person.email)
    faults["signed in"] = await visitor.faults()
    await visitor.open("/console/second-factor")
    faults["second factor"] = await visitor.faults()

    assert {page: told for page, told in faults.items() if told} == {}


@looks
async def test_the_tab_key_is_seen_wherever_it_stops(visit: Visiting, now: datetime, look: Look) -> None:
    person = await a_person(now=now)
    await create_personal_token(person.actor, name="Weekly sales", now=now)
    visitor = await visit(look)

    await visitor.open("/console")
    assert await visitor.unseen_stops() == []
    await sign_in(visitor, person.email)
    assert await visitor.unseen_stops() == []
    await visitor.open("/console/second-factor")
    assert await visitor.unseen_stops() == []


async def test_what_a_token_is_called_is_text(visit: Visiting, now: datetime) -> None:
    person = await a_person(now=now)
    visitor = await visit()
    await sign_in(visitor, person.email)

    for payload in PAYLOADS:
        await create_personal_token(person.actor, name=payload, now=now)
    await visitor.open("/console")

    shown = await visitor.page.locator("li strong").all_text_contents()
    assert sorted(shown) == sorted(PAYLOADS)
    assert await visitor.page.locator("script, img, iframe, math, meta[http-equiv]").count() == 0
    await visitor.page.locator("summary").last.click()
    named = worded("console.home.token-revoke-named", "en", name=shown[-1])
    assert await visitor.page.locator("li").last.locator("button").inner_text() == named


async def test_what_somebody_is_called_is_text(visit: Visiting, now: datetime) -> None:
    person = await a_person(now=now)
    people = [replace(person, name=payload, email=f"{payload}@example.com") for payload in PAYLOADS]
    visitor = await visit()
    await visitor.open("/")

    for written in (
        [pages.home_page("en", one, [], graphiql_path=None) for one in people],
        [pages.invitation_page("en", one) for one in people],
    ):
        read = await visitor.page.evaluate(READ, written)

        assert all(payload in heading for payload, (heading, _, _) in zip(PAYLOADS, read, strict=True))
        assert {tuple(rest) for _, *rest in read} == {(read[0][1], 0)}


async def test_a_harmful_name_does_nothing_on_the_page_itself(visit: Visiting, now: datetime) -> None:
    name = "".join(PAYLOADS[20:24])
    person = await a_person(now=now)
    await value("UPDATE staff_member SET name = $2 WHERE id = $1", person.id, name)
    visitor = await visit()

    await sign_in(visitor, person.email)

    assert await heading(visitor) == name

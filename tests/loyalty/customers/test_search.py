"""Search finds whom it should and nobody else, page by page, by its index."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loyalty import transactions
from loyalty.access import Actor, NotPermitted, Role
from loyalty.customers import folding
from loyalty.customers.search import CustomerCursor, CustomerSort, count, search
from loyalty.earning.enrolment import enrol_many
from tests.support.customers import JOINED_AT, a_customer, a_member_of_staff, an_email, everybody
from tests.support.shops import a_shop

SUPPORT = a_member_of_staff(Role.SUPPORT)


async def found(text: str, *, sort: CustomerSort = CustomerSort.OLDEST) -> list[UUID]:
    page = await search(SUPPORT, text=text, first=100, sort=sort)
    assert await count(SUPPORT, text=text) == len(page.customers)
    return [customer.id for customer in page.customers]


@pytest.mark.parametrize(
    ("first_name", "last_name", "typed"),
    [
        ("Bjørn", "Ærø", "bjorn"),
        ("Bjørn", "Ærø", "BJØRN æ"),
        ("Bjørn", "Ærø", "aero bj"),
        ("Åsa", "Öberg", "asa öb"),
        ("Łukasz", "Żółkiewski", "zolk"),
        ("Łukasz", "Żółkiewski", "łuk"),
        ("Õnne", "Šamarin", "samarin onne"),
        ("Jürgen", "Strauß", "strauss"),
        ("Anne-Marie", "O'Brien", "marie"),
        ("Anne-Marie", "O'Brien", "anne-m"),
        ("Anne-Marie", "O'Brien", "obr"),
        ("Anne-Marie", "O'Brien", "o'brien"),
        ("Anne-Marie", "O'Brien", "brien"),
        ("Maria del Carmen", "Núñez", "carmen nu"),
    ],
)
async def test_a_name_is_found_without_its_accents_and_case(
    database: str, first_name: str, last_name: str, typed: str
) -> None:
    meant = await a_customer(first_name=first_name, last_name=last_name)
    await a_customer(first_name="Somebody", last_name="Else")

    assert await found(typed) == [meant.id]


@pytest.mark.parametrize(
    "typed",
    [
        "kari.nordmann@example.com",
        "KARI.NORD",
        "+372 5123 4567",
        "51234567",
        "5123",
        "00372512",
        "4567",
        "234 567",
        "9876-5432",
        "98765432",
        "3210",
        "cust 001",
        "CUST-9",
        "4006381",
    ],
)
async def test_an_identifier_is_found_by_its_beginning_and_numbers_by_their_end(database: str, typed: str) -> None:
    meant = await a_customer(
        email="Kari.Nordmann@example.com",
        phone="+372 512 34567",
        card="9876 5432 1 3210",
        barcode="4006381333931",
        external_id="CUST 001",
    )
    other = await a_customer(
        email="nordmann.kari@example.com", phone="+372 599 99999", card="1111", external_id="CUST-9x"
    )

    assert await found(typed) == ([other.id] if typed == "CUST-9" else [meant.id])


@pytest.mark.parametrize("typed", ["mann", "ordmann@", "karin", "example.com", "kari@", "45678", "56", "%", "_"])
async def test_what_is_not_a_beginning_is_not_found(database: str, typed: str) -> None:
    await a_customer(first_name="Ola", email="kari.nordmann@example.com", phone="+372 512 34567")

    assert await found(typed) == []


async def test_a_member_is_found_by_their_number(database: str) -> None:
    meant = await a_customer()
    await a_customer()

    for typed in (meant.member_number, meant.member_number[:6], meant.member_number[-6:]):
        assert await found(typed) == [meant.id]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(typed=st.text(max_size=60))
async def test_any_text_can_be_asked(database: str, typed: str) -> None:
    assert (await search(SUPPORT, text=typed, first=1)).customers == []


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.text("aåbłcøß-' é", min_size=1, max_size=15), length=st.integers(1, 15))
async def test_every_beginning_of_every_word_of_a_name_finds_it(database: str, name: str, length: int) -> None:
    meant = await a_customer(first_name=name)

    for word in name.split():
        if folding.search_query(word[:length]) is not None and folding.name_words(word[:length]):
            assert meant.id in await found(word[:length])


async def test_pages_follow_each_other_while_customers_come(database: str, now: datetime) -> None:
    customers = [
        await a_customer(first_name="Kari", now=JOINED_AT + timedelta(minutes=minute // 2)) for minute in range(5)
    ]
    expected = [customer.id for customer in sorted(customers, key=lambda one: (one.created_at, one.id), reverse=True)]

    seen: list[UUID] = []
    after: CustomerCursor | None = None
    while True:
        page = await search(SUPPORT, text="kari", first=2, after=after)
        seen += [customer.id for customer in page.customers]
        await a_customer(first_name="Kari", now=now)
        if not page.has_next:
            break
        after = CustomerCursor(page.customers[-1].created_at, page.customers[-1].id)

    assert seen == expected


async def test_the_oldest_come_first_when_asked(database: str) -> None:
    early = await a_customer(now=JOINED_AT)
    late = await a_customer(now=JOINED_AT + timedelta(days=1))

    assert await found("", sort=CustomerSort.OLDEST) == [early.id, late.id]
    assert await found("", sort=CustomerSort.NEWEST) == [late.id, early.id]


async def test_only_who_reads_customers_searches(database: str) -> None:
    customer = await a_customer()
    allowed = {"admin", "marketer", "support", "analyst", "key that reads customers", "job"}

    for name, actor in everybody(customer.id).items():
        if name in allowed:
            assert [one.id for one in (await search(actor, first=10)).customers] == [customer.id]
            assert await count(actor) == 1
        else:
            with pytest.raises(NotPermitted):
                await search(actor, first=10)
            with pytest.raises(NotPermitted):
                await count(actor)


async def plan_of(found: list[str], statements: list[tuple[str, tuple[object, ...]]]) -> None:
    """Append the plans of the statements, as they were run, to `found`."""

    async def explained() -> None:
        for sql, values in statements:
            if sql.startswith("SET LOCAL"):
                await transactions.rows(sql)
            else:
                found.append("\n".join(row[0] for row in await transactions.rows(f"EXPLAIN {sql}", *values)))
                await transactions.rows("RESET enable_seqscan")
                await transactions.rows("RESET enable_bitmapscan")

    await transactions.in_one_transaction(explained)


async def test_search_reads_indexes_and_never_the_whole_table(
    database: str, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = await a_shop()
    for start in range(0, 20_000, 1_000):
        people = [an_email(f"person{number}@example.com") for number in range(start, start + 1_000)]
        await enrol_many(people, shop=shop, now=now + timedelta(seconds=start))
    meant = await a_customer(first_name="Łucja", email="lucja@example.com", phone="+372 512 34567")
    await transactions.rows("ANALYZE customer")
    statements: list[tuple[str, tuple[object, ...]]] = []
    rows = transactions.rows

    async def noted(sql: str, *values: object) -> Any:
        statements.append((sql, values))
        return await rows(sql, *values)

    with monkeypatch.context() as patched:
        patched.setattr(transactions, "rows", noted)
        rare = await search(SUPPORT, text="łuc 512", first=20)
        last = await search(SUPPORT, text="person19999@", first=20)
        common = await search(SUPPORT, text="person", first=20)
        everybody_here = await search(SUPPORT, first=20)
    plans: list[str] = []
    await plan_of(plans, [(sql, values) for sql, values in statements])

    assert [customer.id for customer in rare.customers] == [meant.id]
    assert len(last.customers) == 1
    assert len(common.customers) == len(everybody_here.customers) == 20
    assert await count(SUPPORT, text="person") == 20_000
    assert [("customer_search" in plan, "customer_created_at" in plan) for plan in plans] == [
        (True, False),
        (True, False),
        (True, False),
        (False, True),
        (False, True),
    ]
    assert all("Seq Scan" not in plan for plan in plans), plans


async def test_common_words_are_paged_like_rare_ones(
    database: str, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    customers = [await a_customer(first_name="Kari", now=now + timedelta(minutes=minute)) for minute in range(6)]
    monkeypatch.setattr("loyalty.customers.search.SORTED_MAX", 3)

    page = await search(SUPPORT, text="kari", first=4)
    after = CustomerCursor(page.customers[-1].created_at, page.customers[-1].id)
    rest = await search(SUPPORT, text="kari", first=4, after=after)

    newest_first = [customer.id for customer in reversed(customers)]
    assert [customer.id for customer in [*page.customers, *rest.customers]] == newest_first
    assert (page.has_next, rest.has_next) == (True, False)


async def test_a_job_may_search_too(database: str) -> None:
    assert (await search(Actor.system("tests"), text="nobody", first=1)).has_next is False

"""Finding customers by any identifier, one or many at a time."""

from datetime import datetime
from typing import Any

import pytest

from loyalty import transactions
from loyalty.access import NotPermitted
from loyalty.customers.identifiers import IdentifierKind, normalised
from loyalty.customers.lookup import (
    FoundCustomer,
    customer_by,
    customer_families,
    customer_family_ids,
    customer_with_id,
    customer_with_identifier,
    customers_by_id,
    customers_by_identifiers,
    holder_of,
    identifiers_of,
)
from loyalty.customers.models import Customer
from loyalty.identity import new_id
from tests.support.customers import a_customer, an_email, everybody
from tests.support.shops import a_shop


@pytest.mark.parametrize(
    ("kind", "written"),
    [
        (IdentifierKind.EMAIL, "KARI@example.com"),
        (IdentifierKind.PHONE, "512 34567"),
        (IdentifierKind.CARD, "1234-5678"),
        (IdentifierKind.BARCODE, "4006381 333931"),
        (IdentifierKind.EXTERNAL, "cust-1"),
    ],
)
async def test_a_till_finds_a_member_by_any_identifier(database: str, kind: IdentifierKind, written: str) -> None:
    shop = await a_shop()
    meant = await a_customer(
        shop=shop,
        email="kari@example.com",
        phone="+372 512 34567",
        card="12345678",
        barcode="4006381333931",
        external_id="cust-1",
    )
    await a_customer(shop=shop, email="ola@example.com")

    found = await customer_by(kind, written, shop=shop)

    assert found is not None
    assert found.id == meant.id


async def test_a_member_is_found_by_their_number_as_people_write_it(database: str) -> None:
    shop = await a_shop()
    meant = await a_customer(shop=shop)
    number = meant.member_number

    found = await customer_by(IdentifierKind.MEMBER_NUMBER, f"{number[:3]} {number[3:6]} {number[6:]}", shop=shop)

    assert found == meant
    assert await customer_by(IdentifierKind.MEMBER_NUMBER, "1", shop=shop) is None


async def test_a_shops_id_finds_nobody_in_another_shop(database: str) -> None:
    here, there = await a_shop(), await a_shop()
    await a_customer(shop=here, external_id="cust-1")

    assert await customer_by(IdentifierKind.EXTERNAL, "cust-1", shop=there) is None


async def test_hundreds_are_found_in_one_query(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = await a_shop()
    known = {
        an_email(f"p{number}@example.com"): await a_customer(email=f"p{number}@example.com") for number in range(3)
    }
    casual = await a_customer(email="casual@example.com", is_member=False)
    asked = [*known, an_email("casual@example.com"), *(an_email(f"x{number}@example.com") for number in range(497))]
    asked += [normalised(IdentifierKind.EMAIL, "P0@example.com", shop=shop)]
    statements: list[str] = []
    rows = transactions.rows

    async def noted(sql: str, *values: object) -> Any:
        statements.append(sql)
        return await rows(sql, *values)

    monkeypatch.setattr(transactions, "rows", noted)

    found = await customers_by_identifiers(asked)

    assert len(statements) == 1
    assert found == {
        **{identifier: FoundCustomer(customer.id, is_member=True) for identifier, customer in known.items()},
        an_email("casual@example.com"): FoundCustomer(casual.id, is_member=False),
    }
    assert await customers_by_identifiers([]) == {}


async def test_ids_of_merged_customers_lead_to_who_was_kept(database: str, now: datetime) -> None:
    kept, merged, other = await a_customer(), await a_customer(), await a_customer()
    await Customer.filter(id=merged.id).update(merged_into_id=kept.id)

    found = await customers_by_id([kept.id, merged.id, new_id(now)])

    assert {asked: customer.id for asked, customer in found.items()} == {kept.id: kept.id, merged.id: kept.id}
    assert await holder_of(merged.id) == kept.id
    assert await holder_of(kept.id) == kept.id
    assert await customer_family_ids(kept.id) == [kept.id, merged.id]
    assert await customer_families([kept.id, other.id]) == {kept.id: [kept.id, merged.id], other.id: [other.id]}


async def test_identifiers_come_verified_first_then_oldest(database: str, now: datetime) -> None:
    kari = await a_customer(email="kari@example.com", phone="512 34567", verified=True)
    nobody = new_id(now)

    found = await identifiers_of([kari.id, nobody])

    assert [one.kind for one in found[kari.id]] == ["email", "member_number", "phone"]
    assert [one.verified_at is not None for one in found[kari.id]] == [True, False, True]
    assert found[nobody] == []


async def test_who_may_read_a_customer(database: str) -> None:
    shop = await a_shop()
    customer = await a_customer(shop=shop, email="kari@example.com")
    readers = {"admin", "marketer", "support", "analyst", "key that reads customers", "job"}

    for name, actor in everybody(customer.id).items():
        if name in readers | {"customer"}:
            assert await customer_with_id(actor, customer.id) == customer
        else:
            with pytest.raises(NotPermitted):
                await customer_with_id(actor, customer.id)
        if name in readers:
            by_email = await customer_with_identifier(actor, IdentifierKind.EMAIL, "kari@example.com", shop=shop)
            assert by_email == customer
        else:
            with pytest.raises(NotPermitted):
                await customer_with_identifier(actor, IdentifierKind.EMAIL, "kari@example.com", shop=shop)

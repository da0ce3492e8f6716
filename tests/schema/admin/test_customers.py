"""Customers, as staff and servers see them."""

from datetime import date, timedelta
from typing import Any

import pytest

from loyalty.access import Role
from loyalty.customers.models import Customer
from schema.identifiers import encoded
from tests.support.api import Api, Caller, an_order, by_email, counted_statements
from tests.support.customers import JOINED_AT, a_customer
from tests.support.shops import a_shop
from tests.support.world import done

FOUND = """
query($search: String, $first: Int!, $after: String, $sort: CustomerSort! = NEWEST) {
  customers(search: $search, first: $first, after: $after, sort: $sort) {
    nodes { displayName }
    pageInfo { hasNextPage endCursor }
  }
}
"""
BY_IDENTIFIER = """
query($identifier: IdentifierInput!, $shop: String) {
  customer(identifier: $identifier, shop: $shop) { displayName }
}
"""
ENROLLED = """
... on CustomerEnrolled {
  isNew replayed
  customer { displayName email locale birthday identifiers { kind value verifiedAt } }
}
"""


def the_id(customer: Customer) -> str:
    """Return the id under which staff know a customer."""
    return encoded("Customer", customer.id)


async def names(caller: Caller, search: str | None = None, first: int = 10, **more: Any) -> list[str]:
    """Return the names found."""
    told = await caller(FOUND, search=search, first=first, **more)
    return [node["displayName"] for node in told["customers"]["nodes"]]


class TestSearch:
    async def test_finds_by_the_beginning_of_any_name_or_identifier_whatever_the_accents(self, api: Api) -> None:
        await a_customer(shop=api.shop, first_name="Łukasz", last_name="Żółć", email="luk@example.com")
        await a_customer(shop=api.shop, first_name="Mari", last_name="Mets", phone="+372 5123 4567", card="C-9876")

        for typed in ("lukasz", "ZOLC", "Luk@ex"):
            assert await names(api.till, typed) == ["Łukasz Żółć"]
        for typed in ("mar met", "+3725123", "5123 4567", "567", "c9876"):
            assert await names(api.till, typed) == ["Mari Mets"]
        assert await names(api.till, "mari żółć") == []

    async def test_comes_in_pages_that_stay_put_while_customers_are_added(self, api: Api) -> None:
        for number in range(5):
            later = JOINED_AT + timedelta(minutes=number)
            await a_customer(shop=api.shop, first_name=f"Mari{number}", now=later)
        first = await api.till(FOUND, search="mari", first=2)

        await a_customer(shop=api.shop, first_name="Mari9", now=JOINED_AT + timedelta(days=1))
        after = first["customers"]["pageInfo"]["endCursor"]

        assert [node["displayName"] for node in first["customers"]["nodes"]] == ["Mari4", "Mari3"]
        assert await names(api.till, "mari", after=after) == ["Mari2", "Mari1", "Mari0"]
        assert await names(api.till, "mari", 2, sort="OLDEST") == ["Mari0", "Mari1"]
        assert await names(api.till) == ["Mari9", "Mari4", "Mari3", "Mari2", "Mari1", "Mari0"]

    async def test_counts_only_when_asked(self, api: Api) -> None:
        await a_customer(shop=api.shop, first_name="Mari")

        with counted_statements() as without:
            await names(api.till, "mari")
        with counted_statements() as counting:
            told = await api.till('{ customers(first: 1, search: "mari") { totalCount } }')

        assert told["customers"]["totalCount"] == 1
        assert not [sql for sql in without if sql.startswith("SELECT count(")]
        assert len([sql for sql in counting if sql.startswith("SELECT count(")]) == 1


class TestOneCustomer:
    @pytest.mark.parametrize(
        ("kind", "value"),
        [
            ("EMAIL", "Mari@Example.com"),
            ("PHONE", "5123 4567"),
            ("CARD", "c 9876"),
            ("BARCODE", "B-1"),
            ("EXTERNAL", "shop-77"),
        ],
    )
    async def test_is_found_by_each_identifier(self, api: Api, kind: str, value: str) -> None:
        await a_customer(
            shop=api.shop,
            first_name="Mari",
            email="mari@example.com",
            phone="+372 5123 4567",
            card="C-9876",
            barcode="B-1",
            external_id="shop-77",
        )

        assert await api.till(BY_IDENTIFIER, identifier={"kind": kind, "value": value}) == {
            "customer": {"displayName": "Mari"}
        }

    async def test_is_found_by_member_number_and_by_id(self, api: Api) -> None:
        row = await a_customer(shop=api.shop, first_name="Mari")
        by_id = "query($id: ID!) { customer(id: $id) { displayName createdAt version } node(id: $id) { __typename } }"

        by_number = await api.till(BY_IDENTIFIER, identifier={"kind": "MEMBER_NUMBER", "value": row.member_number})

        assert by_number == {"customer": {"displayName": "Mari"}}
        assert await api.till(by_id, id=the_id(row)) == {
            "customer": {"displayName": "Mari", "createdAt": "2026-01-15T09:00:00+00:00", "version": 1},
            "node": {"__typename": "Customer"},
        }

    async def test_is_nobody_where_there_is_none(self, api: Api) -> None:
        assert await api.till(BY_IDENTIFIER, identifier=by_email("nobody@example.com")) == {"customer": None}

    async def test_is_asked_for_in_exactly_one_way(self, api: Api) -> None:
        row = await a_customer(shop=api.shop)
        both = "query($id: ID, $i: IdentifierInput) { customer(id: $id, identifier: $i) { id } }"

        assert await api.till.errors(both) == [("BAD_USER_INPUT", "customer")]
        assert await api.till.errors(both, id=the_id(row), i=by_email()) == [("BAD_USER_INPUT", "customer")]
        assert await api.till.errors(both, id=encoded("Order", row.id)) == [("NOT_FOUND", "customer")]
        assert await api.till.errors(both, i=by_email("no address")) == [("BAD_USER_INPUT", "customer")]

    async def test_has_a_shop_s_own_id_in_that_shop_alone(self, api: Api) -> None:
        other = await a_shop(code="other")
        await a_customer(shop=api.shop, external_id="77", first_name="Here")
        await a_customer(shop=other, external_id="77", first_name="There")
        asked = {"kind": "EXTERNAL", "value": "77"}

        for shop, name in ((api.shop.code, "Here"), ("other", "There")):
            assert await api.till(BY_IDENTIFIER, identifier=asked, shop=shop) == {"customer": {"displayName": name}}
        assert await api.till.errors(BY_IDENTIFIER, identifier=asked) == [("BAD_USER_INPUT", "customer")]


class TestEnrolling:
    async def test_makes_a_member_once(self, api: Api) -> None:
        input = {"email": "mari@example.com", "firstName": "Mari", "locale": "et-EE", "birthday": "1987-06-05"}

        new = await done(api.till, "enrolCustomer", input, ENROLLED)
        again = await done(api.till, "enrolCustomer", {**input, "card": "C-1"}, ENROLLED)

        assert (new["isNew"], new["replayed"]) == (True, False)
        assert new["customer"]["locale"] == "et"
        assert new["customer"]["birthday"] == "1987-06-05"
        assert again["isNew"] is False
        assert [(one["kind"], one["value"]) for one in again["customer"]["identifiers"]][:2] == [
            ("CARD", "C-1"),
            ("EMAIL", "mari@example.com"),
        ]

    async def test_without_anything_gives_a_member_number(self, api: Api) -> None:
        told = await done(api.till, "enrolCustomer", {}, ENROLLED)

        assert told["customer"]["displayName"].isdecimal()
        assert [one["kind"] for one in told["customer"]["identifiers"]] == ["MEMBER_NUMBER"]


class TestChanging:
    async def test_writes_over_what_is_given_and_nobody_s_change_meanwhile(self, api: Api) -> None:
        row = await a_customer(shop=api.shop, first_name="Mari", email="mari@example.com")
        change = {"customerId": the_id(row), "lastName": "Mets", "card": "C-1", "expectedVersion": 1}
        selection = "... on CustomerUpdated { version customer { displayName email } } "
        conflict = "... on VersionConflict { expectedVersion version changedAt }"

        changed = await done(api.till, "updateCustomer", change, selection + conflict)
        late = await done(api.till, "updateCustomer", {**change, "lastName": "Kask"}, selection + conflict)

        assert changed == {
            "__typename": "CustomerUpdated",
            "version": 2,
            "customer": {"displayName": "Mari Mets", "email": "mari@example.com"},
        }
        assert (late["expectedVersion"], late["version"], late["changedAt"]) == (1, 2, "2026-03-02T12:00:00+00:00")

    async def test_of_a_birthday_waits_a_year(self, api: Api) -> None:
        row = await a_customer(shop=api.shop, birthday=date(1987, 6, 5))

        told = await done(
            api.till,
            "updateCustomer",
            {"customerId": the_id(row), "birthday": "1987-06-06"},
            "... on BirthdayLocked { changeableOn }",
        )

        assert (told["__typename"], told["changeableOn"]) == ("BirthdayLocked", "2027-01-15")


class TestMerging:
    async def test_leaves_one_customer_with_what_both_had(self, api: Api) -> None:
        kept = await a_customer(shop=api.shop, first_name="Mari", email="mari@example.com", balance_points=100)
        merged = await a_customer(shop=api.shop, first_name="Mari", email="mari@work.example.com", balance_points=50)
        await done(api.till, "recordOrder", an_order("1", customer=by_email("mari@work.example.com")))

        told = await done(
            api.till,
            "mergeCustomers",
            {"idempotencyKey": "m", "keptId": the_id(kept), "mergedId": the_id(merged)},
            """... on CustomersMerged { replayed customer {
              id wallet { availablePoints } orders(first: 5) { totalCount nodes { externalId } }
              entries(first: 9) { totalCount }
            } }""",
        )

        assert told["customer"] == {
            "id": the_id(kept),
            "wallet": {"availablePoints": 160},
            "orders": {"totalCount": 1, "nodes": [{"externalId": "1"}]},
            "entries": {"totalCount": 5},
        }
        by_old_id = await api.till("query($id: ID!) { customer(id: $id) { id } }", id=the_id(merged))
        assert by_old_id == {"customer": {"id": the_id(kept)}}

    async def test_needs_proof_of_both_unless_an_admin_does_it(self, api: Api) -> None:
        one, two = [await a_customer(shop=api.shop, email=f"{name}@example.com") for name in ("one", "two")]
        support, _ = await api.person(Role.SUPPORT)
        admin, _ = await api.person(Role.ADMIN)
        input = {"keptId": the_id(one), "mergedId": the_id(two)}
        reason = "... on MergeImpossible { reason }"

        by_support = await done(support, "mergeCustomers", {"idempotencyKey": "m", **input}, reason)
        by_admin = await done(admin, "mergeCustomers", {"idempotencyKey": "m", **input})

        assert (by_support["__typename"], by_support["reason"]) == ("MergeImpossible", "unverified")
        assert by_admin["__typename"] == "CustomersMerged"

"""What a member sees of themselves."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from loyalty.access import Actor
from loyalty.identity import new_id
from loyalty.ledger.posting import Earn, post
from schema.identifiers import encoded
from tests.support.api import CLOCK, Api, Caller, a_line, an_order, by_email, counted_statements
from tests.support.customers import a_customer
from tests.support.world import done

ME = """
{
  me {
    memberNumber displayName firstName lastName email birthday locale enrolledAt version
    tier { level }
    wallet { unit availablePoints pendingPoints reservedPoints owedPoints lifetimeEarnedPoints lifetimeRedeemedPoints }
    wallets { unit availablePoints expiring { points expiresAt expiresOn } }
  }
}
"""
ENTRIES = """
query($first: Int!, $after: String, $unit: String) {
  me { entries(first: $first, after: $after, unit: $unit) {
    nodes { kind points balanceAfterPoints }
    pageInfo { hasNextPage endCursor }
  } }
}
"""
NODE = "query($id: ID!) { node(id: $id) { __typename id ... on Member { firstName } ... on Entry { points } } }"


async def bought(api: Api, external_id: str, amount_minor: int = 1_000, email: str = "mari@example.com") -> None:
    """Record an order of this member."""
    order = an_order(external_id, a_line(amount_minor), customer=by_email(email))
    assert (await done(api.till, "recordOrder", order))["__typename"] == "OrderRecorded"


async def test_a_member_sees_who_they_are_and_what_they_have(api: Api) -> None:
    mari, row = await api.member(first_name="Mari", last_name="Mets", birthday=date(1987, 6, 5), locale="et")
    await bought(api, "1", 12_345)

    told = await mari(ME)

    assert told["me"] == {
        "memberNumber": row.member_number,
        "displayName": "Mari Mets",
        "firstName": "Mari",
        "lastName": "Mets",
        "email": "mari@example.com",
        "birthday": "1987-06-05",
        "locale": "et",
        "enrolledAt": "2026-01-15T09:00:00+00:00",
        "version": 1,
        "tier": None,
        "wallet": {
            "unit": "points",
            "availablePoints": 123,
            "pendingPoints": 0,
            "reservedPoints": 0,
            "owedPoints": 0,
            "lifetimeEarnedPoints": 123,
            "lifetimeRedeemedPoints": 0,
        },
        "wallets": [
            {
                "unit": "points",
                "availablePoints": 123,
                "expiring": [{"points": 123, "expiresAt": "2027-03-31T21:00:00+00:00", "expiresOn": "2027-03-31"}],
            }
        ],
    }


async def test_a_member_without_a_name_is_greeted_by_their_number(api: Api) -> None:
    mari, row = await api.member()

    assert (await mari(ME))["me"]["displayName"] == row.member_number


async def test_whoever_never_bought_anything_has_an_empty_wallet(api: Api) -> None:
    mari, _ = await api.member()

    assert (
        await mari("{ me { wallets { unit availablePoints } entries(first: 1) { nodes { id } totalCount } } }")
    ) == {"me": {"wallets": [{"unit": "points", "availablePoints": 0}], "entries": {"nodes": [], "totalCount": 0}}}


async def test_there_is_no_wallet_of_an_unknown_unit(api: Api) -> None:
    mari, _ = await api.member()

    assert await mari.errors('{ me { wallet(unit: "stars") { unit } } }') == [("NOT_FOUND", "me.wallet")]


async def test_nobody_is_nobody(api: Api) -> None:
    assert await api.public("{ me { id } }") == {"me": None}


async def test_units_that_are_due_to_end_are_not_shown_as_available(api: Api) -> None:
    mari, _ = await api.member()
    await bought(api, "1")

    CLOCK.at = datetime(2027, 3, 31, 21, tzinfo=UTC)
    mari = await api.customer("mari@example.com")

    assert (await mari("{ me { wallet { availablePoints expiring { points } } } }"))["me"]["wallet"] == {
        "availablePoints": 0,
        "expiring": [],
    }


class TestHistory:
    async def test_is_told_newest_first_with_its_reasons(self, api: Api) -> None:
        mari, _ = await api.member()
        await bought(api, "88", 12_000)
        CLOCK.advance(timedelta(minutes=1))
        back = {"idempotencyKey": "back", "orderExternalId": "88", "returnedAt": "2026-03-02T12:00:30Z"}
        await done(api.till, "recordReturn", back)

        told = await mari(
            "{ me { entries(first: 10) { nodes { kind unit points balanceAfterPoints occurredAt expiresAt expiresOn"
            " explanation order { externalId placedAt } } } } }"
        )

        order = {"externalId": "88", "placedAt": "2026-03-01T08:00:00+00:00"}
        assert told["me"]["entries"]["nodes"] == [
            {
                "kind": "CLAWBACK",
                "unit": "points",
                "points": -120,
                "balanceAfterPoints": 0,
                "occurredAt": "2026-03-02T12:01:00+00:00",
                "expiresAt": None,
                "expiresOn": None,
                "explanation": "120 points taken back: order 88 has been returned in full. "
                "The order had earned 120 points.",
                "order": order,
            },
            {
                "kind": "EARN",
                "unit": "points",
                "points": 120,
                "balanceAfterPoints": 120,
                "occurredAt": "2026-03-01T08:00:00+00:00",
                "expiresAt": "2027-03-31T21:00:00+00:00",
                "expiresOn": "2027-03-31",
                "explanation": "120 points for order 88: 1 point per full €1.00 of €120.00.",
                "order": order,
            },
        ]

    async def test_stays_put_while_entries_are_added(self, api: Api) -> None:
        mari, _ = await api.member()
        for number in range(1, 6):
            await bought(api, str(number), 100 * number)

        first = await page(mari, first=2)
        await bought(api, "6", 600)
        second = await page(mari, first=2, after=first["pageInfo"]["endCursor"])
        third = await page(mari, first=2, after=second["pageInfo"]["endCursor"])

        assert [[entry["points"] for entry in shown["nodes"]] for shown in (first, second, third)] == [
            [5, 4],
            [3, 2],
            [1],
        ]
        assert [shown["pageInfo"]["hasNextPage"] for shown in (first, second, third)] == [True, True, False]

    async def test_can_be_asked_of_one_unit(self, api: Api) -> None:
        mari, row = await api.member()
        await bought(api, "1")
        CLOCK.advance(timedelta(minutes=1))
        stars = Earn(customer_id=row.id, unit="stars", points=3, earned_at=api.now)
        await post([stars], by=Actor.system("tests"), now=CLOCK.now())

        assert [entry["points"] for entry in (await page(mari, first=9))["nodes"]] == [3, 10]
        assert [entry["points"] for entry in (await page(mari, first=9, unit="stars"))["nodes"]] == [3]
        assert (await page(mari, first=9, unit="moons"))["nodes"] == []
        told = await mari('{ me { wallets { unit } wallet(unit: "stars") { availablePoints } } }')
        assert told["me"] == {"wallets": [{"unit": "points"}, {"unit": "stars"}], "wallet": {"availablePoints": 3}}

    async def test_holds_what_was_earned_before_a_merge(self, api: Api) -> None:
        mari, kept = await api.member()
        merged = await a_customer(shop=api.shop, email="mari@work.example.com")
        await bought(api, "1", 1_000)
        await bought(api, "2", 2_000, "mari@work.example.com")
        CLOCK.advance(timedelta(minutes=1))
        both = {"keptId": encoded("Customer", kept.id), "mergedId": encoded("Customer", merged.id)}
        await done(api.till, "mergeCustomers", {"idempotencyKey": "merge", **both})
        await bought(api, "3", 3_000, "mari@work.example.com")

        told = await mari(
            "{ me { wallet { availablePoints } entries(first: 9) { totalCount nodes { kind points } } } }"
        )

        assert told["me"]["wallet"] == {"availablePoints": 60}
        entries = told["me"]["entries"]
        assert entries["totalCount"] == 5
        assert sorted((entry["kind"], entry["points"]) for entry in entries["nodes"]) == [
            ("EARN", 10),
            ("EARN", 20),
            ("EARN", 30),
            ("TRANSFER_IN", 20),
            ("TRANSFER_OUT", -20),
        ]

    async def test_is_counted_only_when_asked(self, api: Api) -> None:
        mari, _ = await api.member()
        await bought(api, "1")

        with counted_statements() as without:
            await page(mari, first=9)
        with counted_statements() as counting:
            await mari("{ me { entries(first: 9) { totalCount } } }")

        assert not [sql for sql in without if "count(" in sql]
        assert len([sql for sql in counting if "count(" in sql]) == 1

    @pytest.mark.parametrize(
        ("language", "explanation"),
        [
            ("en", "10 points for order 1: 1 point per full €1.00 of €10.00."),
            ("nb", "10 poeng for ordre 1: 1 poeng per hele 1,00 € av 10,00 €."),
            ("sv", "10 poäng för order 1: 1 poäng per fulla 1,00 € av 10,00 €."),
            ("pl", "10 punktów za zamówienie 1: 1 punkt za każde pełne 1,00 € z kwoty 10,00 €."),
            ("et", "10 punkti tellimuse 1 eest: 1 punkt iga täis 1,00 € eest summalt 10,00 €."),
        ],
    )
    async def test_is_explained_in_the_reader_s_language(self, api: Api, language: str, explanation: str) -> None:
        mari, _ = await api.member()
        await bought(api, "1")

        told = await mari.reading(language)("{ me { entries(first: 1) { nodes { explanation } } } }")

        told_plainly = told["me"]["entries"]["nodes"][0]["explanation"].replace("\N{NO-BREAK SPACE}", " ")
        assert told_plainly == explanation


async def page(caller: Caller, **arguments: Any) -> Any:
    """Return a page of the caller's history."""
    return (await caller(ENTRIES, **arguments))["me"]["entries"]


class TestNodes:
    async def test_what_is_one_s_own_is_found_again_by_its_id(self, api: Api) -> None:
        mari, _ = await api.member(first_name="Mari")
        await bought(api, "1")
        told = await mari("{ me { id entries(first: 1) { nodes { id } } } }")
        me, entry = told["me"]["id"], told["me"]["entries"]["nodes"][0]["id"]

        nodes = await mari("query($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }", ids=[entry, "x", me])

        assert nodes["nodes"] == [{"__typename": "Entry", "id": entry}, None, {"__typename": "Member", "id": me}]
        assert (await mari(NODE, id=me))["node"] == {"__typename": "Member", "id": me, "firstName": "Mari"}
        assert (await mari(NODE, id=entry))["node"] == {"__typename": "Entry", "id": entry, "points": 10}

    async def test_what_is_another_s_or_of_another_type_is_not_there(self, api: Api) -> None:
        mari, row = await api.member()
        bo, _ = await api.member("bo@example.com")
        await bought(api, "1")
        own = await mari("{ me { id entries(first: 1) { nodes { id } } } }")
        entry = own["me"]["entries"]["nodes"][0]["id"]
        others = [
            own["me"]["id"],
            entry,
            encoded("Customer", row.id),
            encoded("Entry", row.id),
            encoded("Member", new_id(api.now)),
        ]

        for id in others:
            assert await bo(NODE, id=id) == {"node": None}
            assert await api.public(NODE, id=id) == {"node": None}
        assert await mari(NODE, id=encoded("Entry", row.id)) == {"node": None}

    async def test_at_most_a_hundred_are_fetched_at_once(self, api: Api) -> None:
        mari, _ = await api.member()
        ask = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }"

        assert await mari(ask, ids=["x"] * 100) == {"nodes": [None] * 100}
        assert await mari.errors(ask, ids=["x"] * 101) == [("BAD_USER_INPUT", "nodes")]

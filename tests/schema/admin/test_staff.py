"""Keys of programs, inviting people, the trail and the jobs."""

from datetime import timedelta
from typing import Any

import pytest

from loyalty.access import Actor, Permission, Role
from loyalty.runs import claims
from schema.identifiers import taken_apart
from tests.support.api import ADMIN, CLOCK, Api, a_colleague
from tests.support.shops import a_shop
from tests.support.staff import a_key
from tests.support.world import done

MADE = """
... on ApiKeyCreated { secret apiKey { id name prefix scopes createdBy createdAt lastUsedAt revokedAt } }
... on ScopesExceedYours { scope }
... on ScopeUnknown { scope }
"""
KEYS = """
query($first: Int!, $after: String) {
  apiKeys(first: $first, after: $after) { nodes { name } pageInfo { hasNextPage endCursor } }
}
"""
PEOPLE = """
query($first: Int!, $after: String) {
  staff(first: $first, after: $after) { nodes { name } pageInfo { hasNextPage endCursor } }
}
"""
INVITED = """
... on StaffInvited { url expiresAt staffMember { id email name language roles secondFactor disabledAt } }
"""
JOB = Actor.system("tests")


class TestKeys:
    async def test_a_key_is_made_used_and_revoked(self, api: Api) -> None:
        admin, person = await api.person(Role.ADMIN)

        made = await done(admin, "createApiKey", {"name": "Till 7", "scopes": ["orders:read"]}, MADE)
        till = api.bearer(made["secret"], ADMIN)
        before = await till("{ orders(first: 1) { nodes { id } } }")
        revoked = await done(
            admin,
            "revokeApiKey",
            {"apiKeyId": made["apiKey"]["id"]},
            "... on ApiKeyRevoked { apiKey { revokedAt lastUsedAt } }",
        )
        after = await till.post({"query": "{ orders(first: 1) { nodes { id } } }"})

        key = made["apiKey"]
        assert made["secret"].startswith(key["prefix"])
        assert {name: key[name] for name in key if name not in ("id", "prefix")} == {
            "name": "Till 7",
            "scopes": ["orders:read"],
            "createdBy": f"staff:{person.id}",
            "createdAt": "2026-03-02T12:00:00+00:00",
            "lastUsedAt": None,
            "revokedAt": None,
        }
        assert before == {"orders": {"nodes": []}}
        assert revoked["apiKey"] == {
            "revokedAt": "2026-03-02T12:00:00+00:00",
            "lastUsedAt": "2026-03-02T12:00:00+00:00",
        }
        assert after.status_code == 401

    async def test_a_key_gives_no_more_than_its_maker_has(self, api: Api) -> None:
        lesser = await api.key(Permission.KEYS_MANAGE, Permission.ORDERS_READ)

        told = await done(lesser, "createApiKey", {"name": "More", "scopes": ["orders:read", "orders:record"]}, MADE)

        assert (told["__typename"], told["scope"]) == ("ScopesExceedYours", "orders:record")

    async def test_the_ledger_s_own_door_is_no_scope(self, api: Api) -> None:
        told = await done(api.till, "createApiKey", {"name": "Door", "scopes": ["ledger:post"]}, MADE)

        assert (told["__typename"], told["scope"]) == ("ScopeUnknown", "ledger:post")

    async def test_a_key_of_one_shop_sees_and_makes_keys_of_that_shop(self, api: Api) -> None:
        other = await a_shop(code="other")
        theirs = await api.key(shop=other)

        made = await done(theirs, "createApiKey", {"name": "Theirs", "scopes": ["all"], "shop": "other"}, MADE)
        wide = await done(theirs, "createApiKey", {"name": "Wide", "scopes": ["orders:read"]}, MADE)
        seen = await theirs(KEYS, first=9)

        assert made["__typename"] == "ApiKeyCreated"
        assert (wide["__typename"], wide["scope"]) == ("ScopesExceedYours", "shop")
        assert {key["name"] for key in seen["apiKeys"]["nodes"]} == {"Till", "Theirs"}

    @pytest.mark.parametrize(("document", "name"), [(KEYS, "apiKeys"), (PEOPLE, "staff")])
    async def test_a_full_page_says_whether_more_follow(self, api: Api, document: str, name: str) -> None:
        for number in range(104):
            later = api.now + timedelta(seconds=number)
            await (
                a_key(Permission.ORDERS_READ, now=later) if name == "apiKeys" else a_colleague(Role.ANALYST, now=later)
            )

        full = (await api.till(document, first=100))[name]
        rest = (await api.till(document, first=100, after=full["pageInfo"]["endCursor"]))[name]

        assert (len(full["nodes"]), full["pageInfo"]["hasNextPage"]) == (100, True)
        assert (len(rest["nodes"]), rest["pageInfo"]["hasNextPage"]) == (5 if name == "apiKeys" else 4, False)


class TestPeople:
    async def test_an_invitation_is_told_once_and_lets_somebody_in(self, api: Api) -> None:
        admin, _ = await api.person(Role.ADMIN)
        invite = {"email": "kai@example.com", "name": "Kai", "roles": ["SUPPORT", "ANALYST"], "language": "nb-NO"}

        told = await done(
            admin,
            "inviteStaff",
            invite,
            INVITED,
        )

        assert taken_apart(told["staffMember"].pop("id"))[0] == "StaffMember"
        assert told["staffMember"] == {
            "email": "kai@example.com",
            "name": "Kai",
            "language": "nb",
            "roles": ["SUPPORT", "ANALYST"],
            "secondFactor": False,
            "disabledAt": None,
        }
        assert told["expiresAt"] == "2026-03-09T12:00:00+00:00"
        assert told["url"]
        accepted = await api.http.get(told["url"])
        assert accepted.status_code == 200
        assert "kai@example.com" in accepted.text

    async def test_nobody_gives_a_role_that_may_do_more(self, api: Api) -> None:
        lesser = await api.key(Permission.STAFF_MANAGE, Permission.PROGRAMME_READ)
        invite = {"email": "kai@example.com", "name": "Kai", "roles": ["ADMIN"]}

        told = await done(lesser, "inviteStaff", invite, "... on RolesExceedYours { role }")

        assert (told["__typename"], told["role"]) == ("RolesExceedYours", "admin")

    async def test_a_person_is_found_again_by_id(self, api: Api) -> None:
        people = await api.till("{ staff(first: 1) { nodes { id } } }")
        assert people == {"staff": {"nodes": []}}
        _, person = await api.person(Role.ADMIN)

        [node] = (await api.till("{ staff(first: 1) { nodes { id name } } }"))["staff"]["nodes"]

        assert await api.till("query($id: ID!) { node(id: $id) { ... on StaffMember { name } } }", id=node["id"]) == {
            "node": {"name": person.name}
        }


class TestTheTrail:
    async def test_tells_who_did_what_newest_first(self, api: Api) -> None:
        admin, person = await api.person(Role.ADMIN)
        CLOCK.advance(timedelta(minutes=1))
        await done(admin, "createApiKey", {"name": "Till 7", "scopes": ["orders:read"]})
        trail = """
        query($first: Int! = 1, $after: String, $actor: String, $action: String, $customerId: ID) {
          auditTrail(first: $first, after: $after, actor: $actor, action: $action, customerId: $customerId) {
            nodes { at actor action subjectKind customerId why before after }
            totalCount
            pageInfo { hasNextPage endCursor }
          }
        }
        """

        told = (await admin(trail))["auditTrail"]
        older = (await admin(trail, after=told["pageInfo"]["endCursor"], first=100))["auditTrail"]
        own = (await admin(trail, actor=f"staff:{person.id}", action="create_api_key"))["auditTrail"]

        assert told["nodes"] == [
            {
                "at": "2026-03-02T12:01:00+00:00",
                "actor": f"staff:{person.id}",
                "action": "create_api_key",
                "subjectKind": "key",
                "customerId": None,
                "why": "",
                "before": None,
                "after": '{"scopes":["orders:read"]}',
            }
        ]
        assert told["pageInfo"]["hasNextPage"] is True
        assert len(older["nodes"]) == told["totalCount"] - 1
        assert older["pageInfo"]["hasNextPage"] is False
        assert own["totalCount"] == 1

    @pytest.mark.parametrize("role", [Role.SUPPORT, Role.MARKETER, Role.ANALYST])
    async def test_is_for_admins(self, api: Api, role: Role) -> None:
        caller, _ = await api.person(role)

        assert await caller.errors("{ auditTrail(first: 1) { nodes { at } } }") == [("FORBIDDEN", "auditTrail")]


class TestJobs:
    async def test_the_timetable_is_told_with_its_reasons(self, api: Api) -> None:
        told = await api.till("{ jobs { name when why } }")

        jobs: dict[str, Any] = {job["name"]: job for job in told["jobs"]}
        assert jobs["expire-lots"]["when"] == "every 300 seconds"
        assert jobs["verify-ledger"]["when"] == "every day at 03:10 UTC"
        assert all(job["why"] for job in told["jobs"])

    async def test_runs_come_in_pages_the_last_started_first(self, api: Api) -> None:
        for minutes in range(103):
            at = api.now + timedelta(minutes=minutes)
            run_id = await claims.claim(JOB, job="expire-lots", period=f"{minutes}", claimed_by="one", now=at)
            assert run_id is not None
            await claims.finish(JOB, run_id, succeeded=True, detail={"lots": 1}, claimed_by="one", now=at)
        runs = """
        query($first: Int!, $after: String, $job: String) { jobRuns(first: $first, after: $after, job: $job) {
          nodes { job period claimedBy startedAt finishedAt outcome detail } pageInfo { hasNextPage endCursor }
        } }
        """

        full = (await api.till(runs, first=100))["jobRuns"]
        rest = (await api.till(runs, first=100, after=full["pageInfo"]["endCursor"]))["jobRuns"]
        others = (await api.till(runs, first=1, job="verify-ledger"))["jobRuns"]

        assert full["nodes"][0] == {
            "job": "expire-lots",
            "period": "102",
            "claimedBy": "one",
            "startedAt": "2026-03-02T13:42:00+00:00",
            "finishedAt": "2026-03-02T13:42:00+00:00",
            "outcome": "done",
            "detail": '{"lots":1}',
        }
        assert (len(full["nodes"]), full["pageInfo"]["hasNextPage"]) == (100, True)
        assert [run["period"] for run in rest["nodes"]] == ["2", "1", "0"]
        assert others["nodes"] == []

"""How the endpoint answers over HTTP: media types, statuses, codes, credentials, persisted documents, origins."""

import asyncio
import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import httpx
import pytest
from graphql import get_introspection_query

from loyalty.access import Actor, ActorKind
from loyalty.refusals import Refusal, TryAgain
from loyalty.throttles.attempts import Throttled
from schema.admin.root import AdminSchema
from schema.execution import GuardedSchema
from schema.storefront.root import StorefrontSchema
from server.graphql.answers import media_type_for
from server.graphql.explorer import Explorer, example_operations
from tests.support.tiny_schema import CANARY, Tokens, a_client, a_schema, an_app

APP = an_app()
GRAPHQL = "application/graphql-response+json"
JSON = "application/json"


async def ask(query: str | None = None, accept: str = JSON, app: Any = APP, **request: Any) -> httpx.Response:
    """Ask the tiny schema."""
    headers = {"accept": accept, **request.pop("headers", {})}
    content = {**({} if query is None else {"query": query}), **request}
    async with a_client(app) as client:
        return await client.post("/graphql", json=content, headers=headers)


def codes(response: httpx.Response) -> list[object]:
    """Return the codes of an answer's errors."""
    return [error["extensions"]["code"] for error in response.json().get("errors", [])]


@pytest.mark.parametrize("accept", [JSON, "*/*", "", "text/html", f"{JSON}, {GRAPHQL};q=0.5", f"{GRAPHQL};q=0"])
async def test_plain_json_is_answered_where_nothing_else_is_preferred(accept: str) -> None:
    response = await ask("{ actor }", accept)

    assert response.headers["content-type"] == "application/json; charset=utf-8"
    assert response.json() == {"data": {"actor": "public:"}, "extensions": {"cost": 0}}


@pytest.mark.parametrize("accept", [GRAPHQL, f"{GRAPHQL}, {JSON}", f"{JSON};q=0.9, {GRAPHQL}", GRAPHQL.upper()])
async def test_the_graphql_media_type_is_answered_to_those_who_like_it(accept: str) -> None:
    response = await ask("{ actor }", accept)

    assert response.headers["content-type"] == "application/graphql-response+json; charset=utf-8"
    assert response.json()["data"] == {"actor": "public:"}


def test_no_header_breaks_the_reading_of_preferences() -> None:
    for accept in (";;,,", "a/b;q=x", f"{GRAPHQL};q=nan", ", " * 10_000, f"{GRAPHQL};q=1e999"):
        assert media_type_for(accept) in (JSON, GRAPHQL)


REQUEST_ERRORS: list[tuple[str, dict[str, Any]]] = [
    ("{", {}),
    ("{ nothing }", {}),
    ("query ($n: Int!) { stars(first: $n) { totalCount } }", {"variables": {"n": "x"}}),
    ("query ($n: Int!) { stars(first: $n) { totalCount } }", {}),
    ("query A { actor }", {"operationName": "B"}),
    ("query A { actor } query B { actor }", {}),
    ("", {}),
    ("fragment F on Star { name }", {}),
    ("subscription { ticks }", {}),
    ("{ __schema { types { name } } }", {}),
    ("{ stars(first: 100) { nodes { followers(first: 100) { nodes { name } } } } }", {}),
]


@pytest.mark.parametrize(("query", "more"), REQUEST_ERRORS)
async def test_a_request_that_cannot_be_run_has_no_data(query: str, more: dict[str, Any]) -> None:
    new = await ask(query, GRAPHQL, **more)
    old = await ask(query, JSON, **more)

    assert (new.status_code, old.status_code) == (400, 200)
    assert "data" not in new.json()
    assert "data" not in old.json()
    assert codes(new) == codes(old) != []


async def test_a_field_that_fails_leaves_the_rest_and_the_status() -> None:
    response = await ask("{ actor missing }", GRAPHQL)

    assert response.status_code == 200
    assert response.json()["data"] == {"actor": "public:", "missing": None}
    assert codes(response) == ["NOT_FOUND"]


async def test_an_answer_that_is_null_all_over_is_still_an_answer() -> None:
    response = await ask("{ stars(first: 0) { totalCount } }", GRAPHQL)

    assert (response.status_code, response.json()["data"]) == (200, None)


async def test_a_good_token_says_who_asks_and_a_bad_one_is_turned_away() -> None:
    good = await ask("{ actor }", headers={"authorization": "Bearer support"})
    bad = await ask("{ actor }", headers={"authorization": "Bearer stolen"})

    assert good.json()["data"]["actor"].startswith("staff:")
    assert (bad.status_code, codes(bad)) == (401, ["UNAUTHENTICATED"])
    assert bad.headers["www-authenticate"] == "Bearer"
    assert "data" not in bad.json()


async def test_cookies_do_not_count() -> None:
    seen: list[Mapping[str, str]] = []

    class Curious(Tokens):
        async def authenticate(self, headers: Mapping[str, str], now: datetime) -> Actor:
            seen.append(headers)
            return await super().authenticate(headers, now)

    response = await ask("{ actor }", app=an_app(tokens=Curious()), headers={"cookie": "regulars_session=abc"})

    assert response.json()["data"] == {"actor": "public:"}
    assert "cookie" not in seen[0]


async def test_the_language_is_the_headers() -> None:
    assert (await ask("{ language }", headers={"accept-language": "sv-FI, en;q=0.5"})).json()["data"] == {
        "language": "sv"
    }


class _Failing(Tokens):
    def __init__(self, raised: Exception) -> None:
        super().__init__()
        self.raised = raised

    async def authenticate(self, headers: Mapping[str, str], now: datetime) -> Actor:
        raise self.raised


@pytest.mark.parametrize("accept", [JSON, GRAPHQL])
async def test_a_fault_before_the_operation_tells_nothing_but_its_number(
    accept: str, caplog: pytest.LogCaptureFixture
) -> None:
    response = await ask("{ actor }", accept, an_app(tokens=_Failing(RuntimeError(CANARY))))

    request_id = response.headers["x-request-id"]
    assert response.status_code == 500
    assert response.json()["errors"][0]["extensions"] == {"code": "INTERNAL", "requestId": request_id}
    assert CANARY not in response.text
    assert CANARY in caplog.text
    assert request_id in caplog.text


@pytest.mark.parametrize(
    ("refused", "extensions"),
    [
        (TryAgain(), {"code": "RATE_LIMITED", "refusal": "TRY_AGAIN"}),
        (
            Throttled(retry_after_seconds=30),
            {"code": "RATE_LIMITED", "refusal": "THROTTLED", "retryAfterSeconds": 30},
        ),
    ],
)
async def test_a_refusal_while_looking_at_credentials_is_told(refused: Refusal, extensions: dict[str, object]) -> None:
    response = await ask("{ actor }", GRAPHQL, an_app(tokens=_Failing(refused)))

    assert response.status_code == 400
    assert [error["extensions"] for error in response.json()["errors"]] == [extensions]


async def test_each_answer_has_a_number_of_its_own_and_is_not_kept() -> None:
    first, second = await ask("{ actor }"), await ask("{ actor }")

    assert first.headers["x-request-id"] != second.headers["x-request-id"]
    assert first.headers["cache-control"] == "no-store"


INTROSPECTIONS = [
    "{ __schema { types { name } } }",
    '{ __type(name: "Star") { name } }',
    "{ ...F } fragment F on Query { a: __schema { types { name } } }",
    '{ ... { ... on Query { __type(name: "Star") { fields { type { ofType { name } } } } } } }',
]


@pytest.mark.parametrize("query", INTROSPECTIONS)
@pytest.mark.parametrize("accept", [JSON, GRAPHQL, "text/event-stream"])
async def test_the_schema_is_told_to_those_who_may_know_it(query: str, accept: str) -> None:
    app = an_app(may_introspect=lambda actor: actor.kind is ActorKind.STAFF)

    public = await ask(query, accept, app)
    staff = await ask(query, accept, app, headers={"authorization": "Bearer admin"})

    assert "FORBIDDEN" in public.text
    assert '"data"' not in public.text
    assert "FORBIDDEN" not in staff.text
    assert '"data"' in staff.text


async def test_the_introspection_of_tools_passes_the_guard() -> None:

    response = await ask(get_introspection_query(), app=an_app(may_introspect=lambda actor: True))

    assert "errors" not in response.json()


def apq(text: str) -> dict[str, Any]:
    """Return Apollo's extension for a document."""
    return {"persistedQuery": {"version": 1, "sha256Hash": hashlib.sha256(text.encode()).hexdigest()}}


async def test_a_document_is_sent_once_and_then_by_its_hash() -> None:
    app = an_app()
    text = "query ($n: Int!) { stars(first: $n) { totalCount } }"

    unknown = await ask(None, JSON, app, extensions=apq(text))
    sent = await ask(text, JSON, app, extensions=apq(text), variables={"n": 1})
    known = await ask(None, JSON, app, extensions=apq(text), variables={"n": 1})
    by_id = await ask(
        None, JSON, app, documentId="sha256:" + apq(text)["persistedQuery"]["sha256Hash"], variables={"n": 1}
    )

    assert (unknown.status_code, codes(unknown)) == (200, ["PERSISTED_QUERY_NOT_FOUND"])
    assert unknown.json()["errors"][0]["message"] == "PersistedQueryNotFound"
    assert (
        sent.json()
        == known.json()
        == by_id.json()
        == {"data": {"stars": {"totalCount": 250}}, "extensions": {"cost": 11}}
    )


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"query": "{ actor }", "extensions": apq("{ language }")}, "BAD_USER_INPUT"),
        ({"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "x"}}}, "BAD_USER_INPUT"),
        ({"extensions": {"persistedQuery": {"version": 1}}}, "BAD_USER_INPUT"),
        ({"documentId": "md5:abc"}, "BAD_USER_INPUT"),
        ({"documentId": "sha256:" + "0" * 64}, "PERSISTED_QUERY_NOT_FOUND"),
        ({"documentId": "sha256:" + "0" * 64, "query": "{ actor }"}, "BAD_USER_INPUT"),
        ({"extensions": {"persistedQuery": "x"}}, "BAD_USER_INPUT"),
    ],
)
async def test_a_hash_that_is_none_or_another_documents_is_refused(request_: dict[str, Any], code: str) -> None:
    response = await ask(accept=GRAPHQL, **request_)

    assert (response.status_code, codes(response)) == (400, [code])


async def test_a_shop_may_take_trusted_documents_only() -> None:
    app = an_app(a_schema(trusted=["{ actor }"]), trusted_only=lambda actor: actor.kind is ActorKind.PUBLIC)

    by_text = await ask("{ actor }", JSON, app)
    by_hash = await ask(None, JSON, app, extensions=apq("{ actor }"))
    other = await ask("{ language }", JSON, app)
    registered = await ask("{ language }", JSON, app, extensions=apq("{ language }"))
    staff = await ask("{ language }", JSON, app, headers={"authorization": "Bearer support"})

    assert by_text.json()["data"] == by_hash.json()["data"] == {"actor": "public:"}
    assert codes(other) == codes(registered) == ["PERSISTED_QUERY_NOT_FOUND"]
    assert staff.json()["data"] == {"language": "en"}


ORIGIN = "https://shop.example"


async def test_pages_of_the_shops_own_origins_may_call() -> None:
    app = an_app(origins=lambda: {ORIGIN})
    wanted = {"access-control-request-method": "POST", "access-control-request-headers": "authorization,content-type"}

    async with a_client(app) as client:
        asked = await client.options("/graphql", headers={"origin": ORIGIN, **wanted})
        foreign = await client.options("/graphql", headers={"origin": "https://evil.example", **wanted})
    answered = await ask("{ actor }", app=app, headers={"origin": ORIGIN})
    refused = await ask("{", app=app, headers={"origin": ORIGIN, "content-type": "text/plain"})
    elsewhere = await ask("{ actor }", app=app, headers={"origin": "https://evil.example"})

    assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (200, ORIGIN)
    assert "access-control-allow-credentials" not in asked.headers
    assert "access-control-allow-origin" not in foreign.headers
    assert answered.headers["access-control-allow-origin"] == ORIGIN
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (415, ORIGIN)
    assert "access-control-allow-origin" not in elsewhere.headers


async def test_an_origin_counts_from_the_moment_it_is_allowed() -> None:
    origins: set[str] = set()
    app = an_app(origins=lambda: origins)

    before = await ask("{ actor }", app=app, headers={"origin": ORIGIN})
    origins.add(ORIGIN)
    after = await ask("{ actor }", app=app, headers={"origin": ORIGIN})

    assert "access-control-allow-origin" not in before.headers
    assert after.headers["access-control-allow-origin"] == ORIGIN


async def test_a_subscription_comes_as_events() -> None:
    response = await ask("subscription { ticks }", "text/event-stream", headers={"authorization": "Bearer support"})

    events = response.text.split("\r\n\r\n")
    assert response.headers["content-type"].startswith("text/event-stream")
    assert [event.split("\r\n")[0] for event in events if event] == ["event: next"] * 3 + ["event: complete"]
    assert '{"data":{"ticks":"staff:00000000-0000-0000-0000-000000000007 0"},"extensions":{"cost":0}}' in events[0]


async def test_queries_and_mistakes_come_as_events_too() -> None:
    answered = await ask("{ actor }", "text/event-stream")
    mistaken = await ask("{ nothing }", "text/event-stream")
    failed = await ask("subscription { breaks }", "text/event-stream")

    assert '"data":{"actor":"public:"}' in answered.text
    assert "BAD_USER_INPUT" in mistaken.text
    assert "INTERNAL" in failed.text
    assert CANARY not in failed.text


async def test_a_stream_ends_soon_after_its_credentials_do() -> None:
    tokens = Tokens()
    app = an_app(tokens=tokens, recheck_seconds=0.05)

    asked = asyncio.ensure_future(
        ask("subscription { ticks(count: -1) }", "text/event-stream", app, headers={"authorization": "Bearer support"})
    )
    await asyncio.sleep(0.2)
    still_open = not asked.done()
    del tokens.actors["support"]
    response = await asyncio.wait_for(asked, 1.0)

    assert still_open
    assert "UNAUTHENTICATED" in response.text
    assert response.text.endswith("event: complete\r\ndata: \r\n\r\n")


async def test_a_quiet_stream_beats() -> None:
    tokens = Tokens()
    app = an_app(tokens=tokens, recheck_seconds=0.05, heartbeat_seconds=0.02)

    asked = asyncio.ensure_future(
        ask("subscription { ticks(count: -1) }", "text/event-stream", app, headers={"authorization": "Bearer support"})
    )
    await asyncio.sleep(0.2)
    tokens.actors.clear()
    response = await asyncio.wait_for(asked, 1.0)

    assert response.text.count(": ping") >= 2


async def test_the_explorer_is_served_from_here_alone() -> None:
    app = an_app(explorer=Explorer("Storefront", "storefront"))

    async with a_client(app) as client:
        page = await client.get("/graphql", headers={"accept": "text/html"})
        script = await client.get("/graphql/explorer/graphiql.min.js")
        queried = await client.get("/graphql?query={actor}", headers={"accept": "text/html"})

    assert page.status_code == 200
    assert "connect-src 'self'" in page.headers["content-security-policy"]
    assert "http://" not in page.text
    assert "https://" not in page.text
    assert script.status_code == 200
    assert queried.status_code == 405


async def test_without_the_explorer_there_is_no_page() -> None:
    async with a_client(APP) as client:
        page = await client.get("/graphql", headers={"accept": "text/html"})
        script = await client.get("/graphql/explorer/graphiql.min.js")

    assert (page.status_code, script.status_code) == (405, 404)


@pytest.mark.parametrize(("name", "schema"), [("storefront", StorefrontSchema()), ("admin", AdminSchema())])
def test_the_explorer_opens_with_examples_that_can_be_run(name: str, schema: GuardedSchema) -> None:
    tabs = example_operations(name)

    assert len(tabs) >= 4
    for tab in tabs:
        document = schema.documents.read(tab)
        assert tab.startswith("# ")
        assert document.refused is None
        assert schema.documents.validated(document) == []
        assert all(operation.priced.cost(None) <= schema.limits.cost for operation in document.operations)

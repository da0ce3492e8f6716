"""Each text is read once, what is kept is bounded, and a hash may stand for a text."""

import hashlib

import pytest
from graphql import GraphQLError

from schema import documents as registry
from schema.documents import Documents
from schema.guard import PUBLIC
from tests.support.tiny_schema import a_context, a_schema

SCHEMA = a_schema()._schema


def some(**more: object) -> Documents:
    """Return an empty registry."""
    return Documents(SCHEMA, PUBLIC, **more)  # type: ignore[arg-type]


def test_a_text_is_parsed_and_validated_once() -> None:
    documents = some()

    first = documents.read("{ actor }")
    errors = documents.validated(first)
    again = documents.read("{ acto" + "r }")

    assert again is first
    assert documents.validated(again) is errors
    assert errors == []


def test_what_is_refused_is_remembered_without_its_tree() -> None:
    documents = some()

    refused = documents.read("{ actor ")

    assert refused.refused is not None
    assert refused.refused.locations == [(1, 9)]
    assert refused.refused.nodes is None
    assert refused.tree is None
    assert documents.read("{ actor ") is refused
    assert len(documents) == 0


def test_the_registry_keeps_what_is_used_and_no_more_than_its_bounds() -> None:
    documents = some(count_max=3)
    used = documents.read("{ actor }")

    for number in range(10):
        documents.read(f"{{ a{number}: actor }}")
        assert documents.read("{ actor }") is used

    assert len(documents) == 3


def test_the_registry_is_bounded_in_bytes() -> None:
    documents = some(bytes_max=100)

    for number in range(50):
        documents.read(f"{{ a{number}: actor }}")

    assert len(documents) <= 100 // len("{ a1: actor }")


def test_errors_of_validation_are_shown_up_to_twenty() -> None:
    documents = some()

    errors = documents.validated(documents.read("{" + " ".join(f"f{n}" for n in range(100)) + "}"))

    assert len(errors) == 20
    assert all("Cannot query field" in error.message for error in errors)


def test_a_text_is_found_by_its_hash_once_it_was_sent() -> None:
    documents = some()
    key = hashlib.sha256(b"{ actor }").hexdigest()

    assert documents.persisted(key) is None
    documents.persist("{ actor }")

    assert documents.persisted(key) == "{ actor }"


def test_a_refused_text_is_not_persisted() -> None:
    documents = some()

    documents.persist("{ actor ")

    assert documents.persisted(hashlib.sha256(b"{ actor ").hexdigest()) is None


def test_persisted_texts_are_forgotten_before_they_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "PERSISTED_MAX", 5)
    documents = some()

    for number in range(20):
        documents.persist(f"{{ a{number}: actor }}")

    held = [documents.persisted(hashlib.sha256(f"{{ a{n}: actor }}".encode()).hexdigest()) for n in range(20)]
    assert [text is not None for text in held] == [False] * 15 + [True] * 5


def test_trusted_texts_are_never_forgotten_and_others_do_not_count_where_only_they_do() -> None:
    documents = some(trusted=["{ actor }"], count_max=1)
    documents.persist("{ language }")

    for number in range(5):
        documents.read(f"{{ a{number}: actor }}")

    assert documents.persisted(hashlib.sha256(b"{ actor }").hexdigest(), trusted_only=True) == "{ actor }"
    assert documents.persisted(hashlib.sha256(b"{ language }").hexdigest(), trusted_only=True) is None
    assert documents.trusts("{ actor }")
    assert not documents.trusts("{ language }")


async def test_the_executor_gets_the_registrys_document(monkeypatch: pytest.MonkeyPatch) -> None:
    schema = a_schema()
    assert (await schema.execute("{ actor }", None, a_context())).data == {"actor": "public:"}

    def never(*given: object, **named: object) -> None:
        raise AssertionError("parsed or validated again")

    monkeypatch.setattr("strawberry.schema.schema.parse", never)
    monkeypatch.setattr("strawberry.schema.schema.validate", never)
    monkeypatch.setattr("schema.documents.validate", never)
    monkeypatch.setattr("schema.guard.parse", never)

    assert (await schema.execute("{ actor }", None, a_context())).data == {"actor": "public:"}


async def test_a_document_of_several_operations_runs_the_one_that_is_named() -> None:
    schema = a_schema()
    text = "query A { actor } query B { language }"

    named = await schema.execute(text, None, a_context(), operation_name="B")
    unnamed = await schema.execute(text, None, a_context())
    misnamed = await schema.execute(text, None, a_context(), operation_name="C")

    assert named.data == {"language": "en"}
    assert [_told(error) for error in unnamed.errors or ()] == [
        ("The document has several operations; operationName must say which.", "BAD_USER_INPUT")
    ]
    assert [_told(error) for error in misnamed.errors or ()] == [
        ('The document has no operation "C".', "BAD_USER_INPUT")
    ]


def _told(error: GraphQLError) -> tuple[str, object]:
    return error.message, (error.extensions or {})["code"]

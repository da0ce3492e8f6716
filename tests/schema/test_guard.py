"""What a document may look like."""

import pytest
from graphql import GraphQLError, parse

from schema.guard import PUBLIC, STAFF, DocumentRefused, Limits, examine, parsed


def guard(text: str, limits: Limits = PUBLIC) -> bool:
    """Put a document through the guard."""
    return examine(parsed(text, limits), limits)


def nested(levels: int) -> str:
    """Return a document of fields so many levels deep."""
    return "{ a " * levels + "}" * levels


def test_a_document_of_fifteen_levels_passes_and_one_of_sixteen_does_not() -> None:
    guard(nested(15))

    with pytest.raises(DocumentRefused, match="15 levels of fields"):
        guard(nested(16))


def test_depth_counts_through_fragments() -> None:
    fragments = "".join(f" fragment F{n} on T {{ a {{ ...F{n + 1} }} }}" for n in range(15))

    with pytest.raises(DocumentRefused, match="15 levels of fields"):
        guard("{ ...F0 }" + fragments + " fragment F15 on T { a }")


def test_thirty_aliases_pass_and_one_more_does_not() -> None:
    guard("{" + " ".join(f"a{n}: f" for n in range(30)) + "}")

    with pytest.raises(DocumentRefused, match="30 aliases"):
        guard("{" + " ".join(f"a{n}: f" for n in range(31)) + "}")


def test_aliases_count_as_often_as_their_fragment_is_used() -> None:
    spreads = " ".join(f"a{n} {{ ...F }}" for n in range(4))
    aliases = " ".join(f"b{n}: f" for n in range(8))

    with pytest.raises(DocumentRefused, match="30 aliases"):
        guard(f"{{ {spreads} }} fragment F on T {{ {aliases} }}")


def test_the_same_answer_may_be_asked_three_times_in_one_place() -> None:
    guard("{ a ... { a ...F } } fragment F on T { a }")

    with pytest.raises(DocumentRefused, match='answering to "a"'):
        guard("{ a ... { a ...F } a } fragment F on T { a }")


def test_typename_may_stand_in_every_fragment() -> None:
    guard("{ __typename " + " ".join("... on T { __typename }" for _ in range(20)) + "}")


def test_fields_that_merge_are_one_place() -> None:
    with pytest.raises(DocumentRefused, match='answering to "b"'):
        guard("{ a { b b } a { b b } }")


def test_each_type_of_a_union_may_be_asked_for_its_own() -> None:
    refusals = " ".join(f"... on T{n} {{ code message }}" for n in range(12))

    guard(f"{{ redeem {{ __typename {refusals} }} }}")


def test_even_types_beyond_number_do_not_ask_the_same_for_ever() -> None:
    refusals = " ".join(f"... on T{n} {{ code }}" for n in range(31))

    with pytest.raises(DocumentRefused, match="30 fields answering"):
        guard(f"{{ redeem {{ {refusals} }} }}")


def test_a_fragment_within_itself_is_refused() -> None:
    with pytest.raises(DocumentRefused, match='"F" is within itself'):
        guard("{ ...F } fragment F on T { ...G } fragment G on T { ...F }")


def test_a_fragment_within_its_own_field_is_refused() -> None:
    with pytest.raises(DocumentRefused):
        guard("{ ...F } fragment F on T { a { ...F } }")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{ ...Nobody }", 'Unknown fragment "Nobody"'),
        ("{ a } fragment F on T { a }", '"F" is never used'),
        ("{ ...F } fragment F on T { a } fragment F on T { b }", "same name"),
        ("type Query { a: Int }", "operations and fragments only"),
        ('{ a(b: "\\u0000") }', "NUL"),
        ("{ a(b: " + "1" * 51 + ") }", "50 characters"),
        ("{ a(b: " + "[" * 64 + "]" * 64 + ") }", "64 brackets"),
        ("{ a " + "@skip(if: false) " * 31 + "}", "30 directives"),
        ("".join(f"query Q{n} {{ a }} " for n in range(21)), "20 operations"),
    ],
)
def test_strange_documents_are_refused_with_a_reason(text: str, told: str) -> None:
    with pytest.raises(DocumentRefused, match=told):
        guard(text)


def test_a_document_has_at_most_five_hundred_tokens_in_public_and_two_thousand_for_staff() -> None:
    text = "{" + " ".join(f"f{n}" for n in range(600)) + "}"

    guard(text, STAFF)
    with pytest.raises(GraphQLError, match="more than 500 tokens"):
        guard(text, PUBLIC)


def test_comments_are_tokens_too() -> None:
    with pytest.raises(GraphQLError, match="more than 500 tokens"):
        guard("#\n" * 501 + "{ a }")


def test_a_document_is_measured_in_bytes() -> None:
    with pytest.raises(DocumentRefused, match="16384 bytes"):
        guard("{ a } #" + "å" * 8_192)


def test_fragments_that_double_are_refused_at_the_step_that_is_one_too_many() -> None:
    chain = "".join(f" fragment F{n} on T {{ a{n} {{ ...F{n + 1} }} b{n} {{ ...F{n + 1} }} }}" for n in range(12))

    with pytest.raises(DocumentRefused, match="1000 selections"):
        guard("{ ...F0 }" + chain + " fragment F12 on T { c }")


def test_the_guard_knows_who_asks_about_the_schema() -> None:
    assert guard("{ ...F } fragment F on Query { __schema { types { name } } }")
    assert guard('{ x: __type(name: "Query") { name } }')
    assert not guard("{ __typename schema: a }")


def test_what_the_guard_lets_pass_is_what_was_parsed() -> None:
    text = "query Q($n: Int) { a(first: $n) { ...F } } fragment F on T { b }"

    assert parsed(text, PUBLIC) == parse(text)

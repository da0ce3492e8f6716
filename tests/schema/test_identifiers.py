"""Ids are opaque, of one type each, and never break anything."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty.refusals import NotFound
from schema.identifiers import decoded, encoded, taken_apart
from tests.support.tiny_schema import a_context, a_schema

SCHEMA = a_schema()
ANNA = UUID("01890000-0000-7000-8000-000000000001")


@given(st.uuids())
def test_an_id_leads_back_to_its_row(id: UUID) -> None:
    assert decoded("Customer", encoded("Customer", id)) == id


def test_an_id_of_another_type_is_as_good_as_none() -> None:
    with pytest.raises(NotFound) as refused:
        decoded("RewardStock", encoded("Customer", ANNA))

    assert refused.value.facts == {"what": "reward stock"}


@given(st.text() | st.binary().map(lambda raw: raw.hex()))
def test_no_text_breaks_the_reading_of_ids(id: str) -> None:
    with pytest.raises(NotFound):
        decoded("Customer", id)


def test_an_id_is_written_in_one_way_only() -> None:
    id = encoded("Customer", ANNA)

    assert taken_apart(id) == ("Customer", ANNA)
    for other in (id + "=", id + "A", " " + id, id.upper()):
        assert taken_apart(other) == ("", None)


@pytest.mark.parametrize(
    ("id", "answer"),
    [
        (encoded("Star", UUID(int=3)), {"__typename": "Star", "name": "Star 3"}),
        (encoded("Star", UUID(int=9_999)), None),
        (encoded("Planet", UUID(int=3)), None),
        ("nonsense", None),
    ],
)
async def test_node_answers_what_the_table_of_its_schema_hands_out(id: str, answer: object) -> None:
    text = "query ($id: ID!) { node(id: $id) { __typename ... on Star { name } } }"

    result = await SCHEMA.execute(text, {"id": id}, a_context())

    assert (result.data, result.errors) == ({"node": answer}, None)


async def test_nodes_answers_in_the_order_of_the_ids_and_not_more_than_a_hundred() -> None:
    text = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    ids = [encoded("Star", UUID(int=5)), "nonsense", encoded("Star", UUID(int=2))]

    found = await SCHEMA.execute(text, {"ids": ids}, a_context())
    many = await SCHEMA.execute(text, {"ids": ids * 34}, a_context())

    assert found.data == {"nodes": [{"id": ids[0]}, None, {"id": ids[2]}]}
    assert [(error.extensions or {})["code"] for error in many.errors or ()] == ["BAD_USER_INPUT"]

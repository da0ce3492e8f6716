"""What one request loaded is never another's, and languages are what the reader asked for."""

from loyalty.access import Actor
from schema.context import languages_of
from tests.support.tiny_schema import LOADS, a_context, a_schema

SCHEMA = a_schema()


async def test_many_loads_of_one_request_are_one_batch() -> None:
    LOADS.clear()

    result = await SCHEMA.execute("{ a: doubled(of: 1) b: doubled(of: 2) c: doubled(of: 1) }", None, a_context())

    assert result.data == {"a": 2, "b": 4, "c": 2}
    assert LOADS == [[1, 2]]


async def test_another_request_loads_for_itself() -> None:
    LOADS.clear()

    await SCHEMA.execute("{ doubled(of: 1) }", None, a_context())
    await SCHEMA.execute("{ doubled(of: 1) }", None, a_context())

    assert LOADS == [[1], [1]]


def test_an_operation_on_a_socket_loads_for_itself() -> None:
    async def load(keys: list[int]) -> list[int]:
        return keys

    context = a_context()

    assert context.loader(load) is context.loader(load)
    assert context.afresh("req-2").loader(load) is not context.loader(load)
    assert context.afresh("req-2").actor is context.actor


def test_the_answer_is_in_the_language_of_the_header_then_of_the_person_then_english() -> None:
    person = Actor(kind=Actor.public().kind, id="", languages=("et",))

    assert languages_of("de, pl;q=0.5, sv;q=0.8", person) == ("sv",)
    assert languages_of(None, person) == ("et",)
    assert languages_of("de", Actor.public()) == ("en",)

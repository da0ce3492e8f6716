import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty.words.languages import LANGUAGES, chosen, known


@pytest.mark.parametrize(
    ("accept_language", "language"),
    [
        ("pl", "pl"),
        ("sv-FI", "sv"),
        ("nb-NO,nb;q=0.9,en;q=0.8", "nb"),
        ("no", "nb"),
        ("nn-NO, en;q=0.5", "nb"),
        ("de, fr;q=0.9, et;q=0.1", "et"),
        ("en;q=0.3, pl;q=0.7", "pl"),
        ("sv;q=0, en;q=0.1", "en"),
        ("PL-pl", "pl"),
        ("en_GB", "en"),
        ("*", "en"),
        ("da, en-gb;q=0.8, en;q=0.7", "en"),  # the example of RFC 9110, section 12.5.4
        ("pl;q=nonsense, sv;q=0.2", "sv"),
        (";;;,,,", "en"),
        ("", "en"),
        (None, "en"),
    ],
)
def test_the_reader_gets_the_best_liked_language_we_speak(accept_language: str | None, language: str) -> None:
    assert chosen(accept_language) == language


def test_where_the_request_names_no_language_of_ours_the_person_and_then_the_shop_decide() -> None:
    assert chosen("de", None, "sv-SE", "pl") == "sv"
    assert chosen("et", "sv") == "et"
    assert chosen(None, "xx", "nb_NO") == "nb"


def test_a_language_we_do_not_speak_is_none_of_ours() -> None:
    assert known("de-DE") is None
    assert known(None) is None
    assert known("../../etc/passwd") is None


@given(header=st.text(), fallback=st.none() | st.text())
def test_whatever_is_asked_the_answer_is_one_of_the_five(header: str, fallback: str | None) -> None:
    assert chosen(header, fallback) in LANGUAGES

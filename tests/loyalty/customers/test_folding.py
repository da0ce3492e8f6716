"""Names without case and accents, and what somebody typed as a question."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty.customers.folding import folded, name_words, search_query, search_text


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Bjørn Ærø", "bjorn aero"),
        ("ÅSA Öberg Ängström", "asa oberg angstrom"),
        ("Łukasz Żółć Gęślą Jaźń", "lukasz zolc gesla jazn"),
        ("Õnne Šveits Žanna Ülle", "onne sveits zanna ulle"),
        ("Straße STRASSE", "strasse strasse"),
        ("Zoe\u0301 Zoé", "zoe zoe"),
        ("İstanbul ısı", "istanbul isi"),
        ("Đorđe Þór Œuvre", "dorde thor oeuvre"),
        ("ＦＵＬＬ ｗｉｄｔｈ", "full width"),
        ("Ольга Ёлкина", "ольга елкина"),
        ("tab\tand\u00a0space", "tab and space"),
        ("nul\x00and\ud800half", "nulandhalf"),
    ],
)
def test_names_are_folded_to_plain_small_letters(text: str, plain: str) -> None:
    assert folded(text) == plain


@given(st.text())
def test_folding_twice_is_folding_once(text: str) -> None:
    assert folded(folded(text)) == folded(text)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Anne-Marie", ["anne", "marie"]),
        ("O'Brien", ["obrien", "brien"]),
        ("d’Arc", ["darc", "arc"]),
        ("J.R.R. Tolkien", ["j", "r", "tolkien"]),
        ("van der Berg", ["van", "der", "berg"]),
        ("  ", []),
    ],
)
def test_a_name_is_found_by_any_of_its_words(name: str, words: list[str]) -> None:
    assert name_words(name) == words


@pytest.mark.parametrize(
    ("typed", "query"),
    [
        ("Åse", "('ase':*)"),
        ("Anne-Marie", "('anne-marie':* | 'anne':* & 'marie':*)"),
        ("o'b", "('o''b':* | 'ob':*)"),
        ("kari@ex", "('kari@ex':*)"),
        ("4567", "('4567':* | '~7654':*)"),
        ("+47 22 22", "('+472222':* | '472222':* | '~222274':*)"),
        ("anna 42", "('anna':*) & ('42':*)"),
        ("a\\b", "('a\\\\b':* | 'a':* & 'b':*)"),
        ("~765", "('765':*)"),
        ("001", "('001':* | '~100':*)"),
        ("00372512", "('00372512':* | '372512':* | '~21527300':*)"),
    ],
)
def test_each_word_typed_begins_a_word_or_ends_a_number(typed: str, query: str) -> None:
    assert search_query(typed) == query


@pytest.mark.parametrize("typed", ["", "   ", "~", "\x00", "\u0301"])
def test_nothing_typed_asks_nothing(typed: str) -> None:
    assert search_query(typed) is None


def test_what_is_stored_is_words_with_single_spaces() -> None:
    assert search_text(("Øst", "Kari Øst"), ["kari@example.com", "12", "~21"]) == "ost kari kari@example.com 12 ~21"

"""Names and identifiers folded for search: without case, without accents, in words.

What is stored and what is asked are folded by the same rules, so one index finds both. The text that is stored with
a customer is a list of words divided by single spaces; `~` begins a word of digits written backwards, which makes the
last digits of a phone or card number a prefix.
"""

import re
import unicodedata
from collections.abc import Iterable

LAST_DIGITS_MIN = 3
WORD_LENGTH_MAX = 100
QUERY_WORDS_MAX = 8

# Letters that Unicode does not decompose into a base letter and a mark.
_BASE_LETTERS = str.maketrans(
    {
        "ł": "l",
        "ø": "o",
        "đ": "d",
        "ð": "d",
        "ħ": "h",
        "ı": "i",
        "ŧ": "t",
        "ŋ": "n",
        "ĸ": "k",
        "æ": "ae",
        "œ": "oe",
        "þ": "th",
    }
)
_APOSTROPHES = re.compile(r"['’‘ʼ´`]")
_NOT_IN_NAMES = re.compile(r"[\W_]+")
_NUMBER = re.compile(r"\+?[\d\s().\-/]*\d")


def folded(text: str) -> str:
    """Return the text in small letters without accents: "Łódź Ærø" is "lodz aero", "Straße" is "strasse"."""
    if text.isascii() and text.isprintable():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(_plain(letter) for letter in decomposed.translate(_BASE_LETTERS))


def _plain(letter: str) -> str:
    # Marks are what accents become; control characters and halves of surrogates cannot be stored.
    return " " if letter.isspace() else "" if unicodedata.category(letter)[0] in "MC" else letter


def name_words(name: str) -> list[str]:
    """Return a name's words: "Anne-Marie O'Brien" is anne, marie, obrien, and brien for whoever leaves out the O'."""
    whole = _NOT_IN_NAMES.split(folded(_APOSTROPHES.sub("", name)))
    parts = _NOT_IN_NAMES.split(folded(_APOSTROPHES.sub(" ", name)))
    return _distinct([*whole, *(word for word in parts if len(word) > 1)])


def digits_of(text: str) -> str:
    """Return the decimal digits in the text, in ASCII."""
    return "".join(str(unicodedata.digit(character)) for character in text if character.isdecimal())


def number_words(digits: str) -> list[str]:
    """Return the words under which a number is found: by its first digits and by its last."""
    return [digits, _backwards(digits)]


def _backwards(digits: str) -> str:
    return f"~{digits[::-1]}"


def search_text(names: Iterable[str], identifier_words: Iterable[str]) -> str:
    """Return what is stored with a customer for search: the words of the names, then those of the identifiers."""
    words = [word for name in names for word in name_words(name)]
    return " ".join(_distinct([*words, *identifier_words]))


def search_query(text: str) -> str | None:
    """Return the tsquery for what somebody typed, or None when there is nothing to look for.

    Every word must begin a word of the customer; three digits or more may also end a number of theirs.
    A text of nothing but one number, grouped as people group them, is that number.
    """
    typed = text.strip()
    words = ["".join(typed.split())] if _NUMBER.fullmatch(typed) else typed.split()[:QUERY_WORDS_MAX]
    asked = [_tsquery(alternatives) for word in words if (alternatives := _alternatives(word))]
    return " & ".join(asked) or None


def _alternatives(word: str) -> list[list[str]]:
    """Return what the word may stand for: any of these, and of each all the words."""
    whole = folded(word).lstrip("~")  # the mark of numbers backwards is ours
    alternatives = [[whole]]
    if _NUMBER.fullmatch(word):
        digits = digits_of(word)
        alternatives.append([digits])
        if digits.startswith("00") and len(digits) >= 2 + LAST_DIGITS_MIN:
            alternatives.append([digits[2:]])  # the international prefix, written out
        if len(digits) >= LAST_DIGITS_MIN:
            alternatives.append([_backwards(digits)])
    elif not any(letter.isdigit() or letter == "@" for letter in whole):
        alternatives.append(_NOT_IN_NAMES.split(folded(_APOSTROPHES.sub("", word))))
    return _alternatives_that_ask([_distinct(words) for words in alternatives])


def _alternatives_that_ask(alternatives: list[list[str]]) -> list[list[str]]:
    return [words for position, words in enumerate(alternatives) if words and words not in alternatives[:position]]


def _tsquery(alternatives: list[list[str]]) -> str:
    return "(" + " | ".join(" & ".join(f"{_quoted(word)}:*" for word in words) for words in alternatives) + ")"


def _quoted(word: str) -> str:
    escaped = word.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"


def _distinct(words: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(word[:WORD_LENGTH_MAX] for word in words if word))

"""Every text stands in every language, with the same facts and all the plural forms that CLDR asks for."""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po

import loyalty
from loyalty.access import Permission, Role
from loyalty.refusals import Refusal
from loyalty.words.languages import LANGUAGES, locale_of
from loyalty.words.wording import CATALOGUES, categories

for module in pkgutil.walk_packages(loyalty.__path__, "loyalty."):
    importlib.import_module(module.name)

REFUSALS = sorted(
    (code, refusal) for code, refusal in Refusal.by_code.items() if refusal.__module__.startswith("loyalty.")
)


def catalogue(language: str) -> Catalog:
    with (CATALOGUES / f"{language}.po").open("rb") as file:
        return read_po(file, locale=str(locale_of(language)), abort_invalid=True)


CATALOGUE = {language: catalogue(language) for language in LANGUAGES}


def messages(language: str) -> Iterator[tuple[str, Message]]:
    for message in CATALOGUE[language]:
        if message.id:
            yield message.id if isinstance(message.id, str) else message.id[0], message


def forms(message: Message) -> tuple[str, ...]:
    return (message.string,) if isinstance(message.string, str) else tuple(message.string or ())


def facts(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def texts(language: str) -> dict[str, tuple[str, ...]]:
    return {key: forms(message) for key, message in messages(language)}


def refusal_key(code: str) -> str:
    return f"refusal.{code.lower().replace('_', '-')}"


def known_facts(refusal: type[Refusal]) -> set[str] | None:
    """The names of the facts a refusal takes, or None where its signature leaves them open."""
    parameters = inspect.signature(refusal.__init__).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return None
    return {parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_the_same_texts(language: str) -> None:
    assert texts(language).keys() == texts("en").keys()


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_is_empty_or_marked_as_unsure(language: str) -> None:
    unsure = [key for key, message in messages(language) if message.fuzzy or not all(map(str.strip, forms(message)))]

    assert unsure == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_text_names_the_same_facts_in_every_language_and_form(language: str) -> None:
    english = {key: facts(choices[-1]) for key, choices in texts("en").items()}

    different = {
        key: choices
        for key, choices in texts(language).items()
        if any(facts(choice) != english[key] for choice in choices)
    }

    assert different == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_counted_text_has_a_form_for_every_plural_category_of_cldr(language: str) -> None:
    counted = {key for key, message in messages("en") if message.pluralizable}

    assert {key for key, message in messages(language) if message.pluralizable} == counted
    assert {len(texts(language)[key]) for key in counted} == {len(categories(language))}
    assert CATALOGUE[language].num_plurals == len(categories(language))


@pytest.mark.parametrize("language", LANGUAGES)
def test_sentences_are_written_with_the_quotation_marks_of_their_language(language: str) -> None:
    foreign = {"en": "«»„", "nb": "“”„", "sv": "«»“„", "pl": "«»“", "et": "«»”"}[language]

    assert [key for key, choices in texts(language).items() if set("".join(choices)) & set(foreign + '"')] == []


def test_keys_are_lower_case_words_with_dashes_in_groups_divided_by_dots() -> None:
    assert [key for key in texts("en") if not re.fullmatch(r"[a-z]+(\.[a-z0-9-]+)+", key)] == []


@pytest.mark.parametrize(("code", "refusal"), REFUSALS)
def test_every_refusal_has_a_text_made_of_facts_it_carries(code: str, refusal: type[Refusal]) -> None:
    key = refusal_key(code)

    assert key in texts("en")
    if (known := known_facts(refusal)) is not None:
        told = {
            name
            for other, choices in texts("en").items()
            if other == key or other.startswith(f"{key}.")
            for name in facts(choices[0])
        }
        assert told <= known


def test_no_refusal_text_is_left_that_nothing_refuses_with() -> None:
    ours = {"refusal.unknown", "refusal.on-line"} | {refusal_key(code) for code, _ in REFUSALS}

    assert {".".join(key.split(".")[:2]) for key in texts("en") if key.startswith("refusal.")} - ours == set()


def test_every_text_that_is_asked_for_by_name_is_there() -> None:
    root = Path(loyalty.__path__[0]).parent
    asked = re.compile(r"""(?:worded|told|counted)\(\s*"([a-z][a-z0-9.-]+)"[,)]""")

    missing = {
        (str(file.relative_to(root)), key)
        for folder in ("loyalty", "schema", "console", "jobs", "server")
        for file in (root / folder).rglob("*.py")
        for key in asked.findall(file.read_text())
        if key not in texts("en")
    }

    assert missing == set()


@pytest.mark.parametrize(("group", "names"), [("permission", list(Permission)), ("role", list(Role))])
def test_every_permission_and_role_has_its_words(group: str, names: list[str]) -> None:
    assert {f"{group}.{name.replace(':', '-')}" for name in names} == {
        key for key in texts("en") if key.startswith(f"{group}.")
    }

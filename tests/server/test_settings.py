"""A setting is read once, and a wrong one is told in a sentence that names it."""

from pathlib import Path

import pytest

from server import settings
from server.settings import SettingsInvalid, explained, read, unknown_variables


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in settings.Settings.model_fields:
        monkeypatch.delenv(f"REGULARS_{name.upper()}", raising=False)


def test_without_variables_only_this_machine_is_served_in_development_with_the_demo() -> None:
    found = read()

    assert (found.host, found.port, found.base_url) == ("127.0.0.1", 8000, "http://127.0.0.1:8000")
    assert (found.development, found.demo, found.database_url) == (True, True, None)


def test_whoever_listens_beyond_this_machine_is_not_in_development(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGULARS_HOST", "0.0.0.0")

    assert read().development is False


def test_an_empty_variable_is_one_that_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGULARS_DATABASE_URL", "")
    monkeypatch.setenv("REGULARS_PORT", "")

    assert (read().database_url, read().port) == (None, 8000)


@pytest.mark.parametrize(("text", "demo"), [("0", False), ("1", True), ("false", False), ("yes", True)])
def test_the_demo_is_switched_by_zero_and_one(monkeypatch: pytest.MonkeyPatch, text: str, demo: bool) -> None:
    monkeypatch.setenv("REGULARS_DEMO", text)

    assert read().demo is demo


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("PORT", "web", "REGULARS_PORT should be a valid integer, unable to parse string as an integer, not 'web'."),
        ("PORT", "65536", "REGULARS_PORT should be less than or equal to 65535, not '65536'."),
        ("DEMO", "2", "REGULARS_DEMO should be a valid boolean, unable to interpret input, not '2'."),
        ("DATABASE_URL", "mysql://root:pw@db/x", "REGULARS_DATABASE_URL must begin with postgresql://."),
        ("SECRET", "hunter2", "REGULARS_SECRET must have at least 32 characters."),
        ("BASE_URL", "shop.example", "REGULARS_BASE_URL must begin with http:// or https://, not 'shop.example'."),
        ("LOG_FORMAT", "xml", "REGULARS_LOG_FORMAT should be 'text' or 'json', not 'xml'."),
        (
            "STAFF_IDLE_MINUTES",
            "481",
            "REGULARS_STAFF_IDLE_MINUTES should be less than or equal to 480, not '481'.",
        ),
    ],
)
def test_a_wrong_value_is_told_in_one_sentence_and_no_secret_is_told(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str, sentence: str
) -> None:
    monkeypatch.setenv(f"REGULARS_{name}", text)

    with pytest.raises(SettingsInvalid) as refused:
        read()

    assert str(refused.value) == sentence


def test_a_session_does_not_idle_longer_than_it_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGULARS_STAFF_SESSION_MINUTES", "10")

    with pytest.raises(SettingsInvalid, match="REGULARS_STAFF_IDLE_MINUTES must not be more"):
        read()


def test_lists_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGULARS_ALLOWED_ORIGINS", "https://a.example, https://b.example,")

    assert read().allowed_origins == ("https://a.example", "https://b.example")


@pytest.mark.parametrize(
    ("variables", "hosts"),
    [
        ({}, ("127.0.0.1", "localhost", "[::1]")),
        ({"BASE_URL": "https://points.example/"}, ("points.example", "localhost", "127.0.0.1", "[::1]")),
        ({"HOST": "0.0.0.0", "BASE_URL": "https://points.example"}, ("points.example",)),
        ({"HOST": "0.0.0.0", "TRUSTED_HOSTS": "a.example,b.example"}, ("a.example", "b.example")),
        ({"HOST": "0.0.0.0"}, ("*",)),
    ],
)
def test_a_foreign_host_name_is_answered_only_where_nobody_said_which_is_ours(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], hosts: tuple[str, ...]
) -> None:
    for name, text in variables.items():
        monkeypatch.setenv(f"REGULARS_{name}", text)

    assert read().hosts() == hosts


def test_a_misspelt_variable_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGULARS_PROT", "8001")

    assert "REGULARS_PROT" in unknown_variables()


def test_the_secret_is_made_once_and_only_its_owner_can_read_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("REGULARS_DATA_DIR", str(tmp_path / "data"))

    first, second = read().secret_value(), read().secret_value()

    assert first == second
    assert len(first) == 64
    assert (tmp_path / "data" / "secret").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["secret"]


def test_every_setting_is_explained_and_no_secret_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGULARS_SECRET", "s" * 40)
    monkeypatch.setenv("REGULARS_DATABASE_URL", "postgresql://me:hunter2@db.example/points")

    shown = {setting.variable: setting for setting in explained(read())}

    assert set(shown) == {f"REGULARS_{name.upper()}" for name in settings.Settings.model_fields}
    assert all(setting.description for setting in shown.values())
    assert (shown["REGULARS_SECRET"].value, shown["REGULARS_SECRET"].source) == ("**********", "environment")
    assert "hunter2" not in shown["REGULARS_DATABASE_URL"].value
    assert (shown["REGULARS_PORT"].value, shown["REGULARS_PORT"].source) == ("8000", "default")

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty.access import NotPermitted
from loyalty.earning.purchases import TooManyOrders
from loyalty.ledger.posting import BalanceTooLow
from loyalty.orders.asked import QuantityInvalid
from loyalty.refusals import Invalid, NotFound, Refusal, TryAgain
from loyalty.throttles.attempts import Throttled
from loyalty.words.languages import LANGUAGES
from loyalty.words.wording import _told, forms, refusal_worded, worded

KEYS = ["terms.expiry.months", "refusal.balance-too-low", "entry.earn.order", "unit.points"]
JSON_FACTS = st.dictionaries(
    st.from_regex(r"[a-z_]{1,12}", fullmatch=True), st.none() | st.booleans() | st.integers() | st.text()
)


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("en", "The balance is too low: 1,200 needed, 40 available. Choose something smaller, or collect more first."),
        ("nb", "Saldoen er for lav: 1\u00a0200 trengs, 40 er tilgjengelig. Velg noe mindre, eller samle mer først."),
        ("sv", "Saldot är för lågt: 1\u00a0200 behövs, 40 finns. Välj något mindre, eller samla mer först."),
        (
            "pl",
            "Saldo jest za niskie. Potrzeba: 1\u00a0200, dostępne: 40."
            " Należy wybrać coś mniejszego albo najpierw zebrać więcej.",
        ),
        (
            "et",
            "Saldo on liiga väike: vaja on 1\u00a0200, olemas on 40. Vali midagi väiksemat või kogu kõigepealt rohkem.",
        ),
    ],
)
def test_a_refusal_says_which_rule_said_no_and_what_to_do(language: str, told: str) -> None:
    assert refusal_worded(BalanceTooLow(balance_points=40, asked_points=1200), language) == told


def test_a_refusal_of_one_line_starts_with_its_number() -> None:
    refusal = QuantityInvalid(line_number=3)

    assert refusal_worded(refusal, "en").startswith("Line 3: The quantity must be above zero")
    assert refusal_worded(refusal, "pl").startswith("Pozycja 3: ")


def test_what_was_not_found_is_named_and_what_we_have_no_word_for_is_told_in_general() -> None:
    assert refusal_worded(NotFound(what="order"), "sv").startswith("Det finns ingen sådan order.")
    assert refusal_worded(NotFound(what="api key"), "en") == "There is no such API key. It may have been revoked."
    assert refusal_worded(NotFound(what="teapot"), "en") == "This does not exist, or you may not see it."


def test_invalid_input_is_named_in_the_readers_words_with_its_problem() -> None:
    assert (
        refusal_worded(Invalid(field="birthday", problem="too_long"), "nb")
        == "Fødselsdag: dette er for langt. Gjør det kortere."
    )
    assert refusal_worded(Invalid(field="listAmountMinor"), "en").startswith("Amount before discount: ")
    assert refusal_worded(Invalid(field="x9"), "en").startswith("x9: this value cannot be right.")


def test_a_missing_permission_is_told_in_words_and_by_its_name() -> None:
    assert (
        refusal_worded(NotPermitted(permission="ledger:adjust"), "et")
        == "Selleks puudub vajalik õigus: saldode parandamine (ledger:adjust). Pöördu administraatori poole."
    )


def test_a_fact_may_be_called_count() -> None:
    assert refusal_worded(TooManyOrders(count=501, count_max=500), "en") == (
        "501 orders were sent together; the most is 500. Split them."
    )


def test_how_long_to_wait_is_told_as_a_length_of_time() -> None:
    assert refusal_worded(Throttled(retry_after_seconds=900), "sv") == "För många försök. Försök igen om 15 minuter."


def test_a_period_of_days_is_counted_in_days_not_in_spans_of_24_hours() -> None:
    key = "refusal.claim-window-closed"

    assert worded(key, "nb", claim_window_days=30).startswith("Kvitteringer kan registreres i 30 dager,")
    assert worded(key, "pl", claim_window_days=22).startswith("Czas na rejestrację paragonu to 22 dni,")
    assert worded(key, "et", claim_window_days=1).startswith("Kviitungi kirjapanekuks on aega 1 päev,")


def test_a_refusal_that_has_no_text_is_still_told() -> None:
    class Strange(Refusal):
        code = "STRANGE_FOR_THIS_TEST"

    try:
        assert refusal_worded(Strange(), "en") == "A rule says no (STRANGE_FOR_THIS_TEST)."
    finally:
        del Refusal.by_code["STRANGE_FOR_THIS_TEST"]


@pytest.mark.parametrize("expired_on", ["2026-03-31", date(2026, 3, 31)])
def test_facts_are_written_by_the_unit_in_their_name(expired_on: object) -> None:
    assert worded("entry.expire.on", "nb", units="5 poeng", expired_on=expired_on) == (
        "5 poeng utløpt; siste gyldige dag var 31. mars 2026"
    )


def test_an_amount_with_its_currency_among_the_facts_is_money() -> None:
    key = "refusal.total-mismatch"

    assert "is given as $12.50, but" in worded(key, "en", total_minor=1250, expected_minor=1200, currency="USD")
    assert "is given as 1,250, but" in worded(key, "en", total_minor=1250, expected_minor=1200)


@pytest.mark.parametrize("earliest_at", ["2026-03-31T22:00:00+00:00", datetime(2026, 3, 31, 22, tzinfo=UTC)])
def test_a_moment_is_told_in_the_readers_time_zone(earliest_at: object) -> None:
    told = worded("refusal.effective-too-soon", "en", time_zone="Europe/Tallinn", earliest_at=earliest_at)

    assert told.endswith("It may hold from April 1, 2026, 1:00\u202fAM at the earliest.")


def test_a_count_chooses_the_form() -> None:
    assert worded("terms.expiry.months", "pl", 1) == "Ważność: 1 miesiąc od zakupu"
    assert worded("terms.expiry.months", "pl", 2) == "Ważność: 2 miesiące od zakupu"
    assert worded("terms.expiry.months", "pl", 5) == "Ważność: 5 miesięcy od zakupu"
    assert worded("terms.expiry.months", "pl", 22) == "Ważność: 22 miesiące od zakupu"
    assert worded("terms.expiry.months", "pl", Decimal("1.5")) == "Ważność: 1,5 miesiąca od zakupu"
    assert worded("terms.expiry.months", "en", 1) == "What you earn expires 1 month after the purchase"


def test_braces_in_a_fact_are_only_braces() -> None:
    assert worded("entry.earn.order", "en", None, units="1 point", order="{units}") == "1 point for order {units}"


def test_a_text_nobody_wrote_is_told_by_its_key_and_a_language_nobody_knows_in_english() -> None:
    assert worded("no.such-text", "pl") == "no.such-text"
    assert refusal_worded(TryAgain(), "tlh") == refusal_worded(TryAgain(), "en")
    assert forms("unit.points", "../en") == ("point", "points")


@given(key=st.sampled_from(KEYS), language=st.sampled_from(LANGUAGES), count=st.integers())
def test_every_number_can_be_counted(key: str, language: str, count: int) -> None:
    assert worded(key, language, count, units="x", balance_points=count, asked_points=count)


@given(
    code=st.sampled_from(sorted(Refusal.by_code)), language=st.sampled_from(LANGUAGES), facts=JSON_FACTS, data=st.data()
)
def test_no_fact_stops_a_refusal_from_being_told(
    code: str, language: str, facts: dict[str, str | int | bool | None], data: st.DataObject
) -> None:
    refusal = Refusal.__new__(Refusal.by_code[code])
    Refusal.__init__(refusal, **facts)

    assert refusal_worded(refusal, language)


@given(
    language=st.sampled_from(LANGUAGES),
    name=st.sampled_from(["x_at", "x_on", "x_seconds", "x_days", "x_milli", "x_minor", "x"]),
    value=st.integers() | st.text(),
)
def test_no_value_of_a_fact_is_a_fault(language: str, name: str, value: object) -> None:
    assert _told("refusal.unknown", language, None, {"code": "X", name: value, "currency": "EUR"}, "UTC")

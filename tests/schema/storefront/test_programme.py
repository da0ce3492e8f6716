"""What anybody may ask: the programme's terms and its rewards."""

import pytest

from tests.support.api import Api

TERMS = """
query($locale: Locale) {
  programme(locale: $locale) {
    name version effectiveAt timeZone expiry pending returns
    units { code name decimals }
    earnRules { id unit description rates { currency points perAmount } }
    rewards { id kind name unit points validityDays amount { amount amountMinor currency } }
  }
}
"""
REWARDS = """
query($first: Int!, $after: String) {
  rewards(first: $first, after: $after) {
    totalCount
    nodes { id name points }
    edges { cursor node { id } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}
"""


async def test_the_terms_are_told_in_words_and_numbers(api: Api) -> None:
    told = await api.public(TERMS)

    assert told["programme"] == {
        "name": "Loyalty programme",
        "version": 1,
        "effectiveAt": "1970-01-01T00:00:00+00:00",
        "timeZone": "Europe/Tallinn",
        "expiry": "What you earn expires 12 months after the purchase, at the end of that month.",
        "pending": "What you earn can be used at once.",
        "returns": "When goods come back, what they earned is taken back. If it has been used already, the account "
        "owes it and what is earned next covers it.",
        "units": [{"code": "points", "name": "points", "decimals": 0}],
        "earnRules": [
            {
                "id": "purchase",
                "unit": "points",
                "description": "Earn 1 point for every full 1.00 you spend. The amount is in the currency of the "
                "order. Each order is counted on its own. What counts is the price after discounts. Not counted: "
                "tax, shipping, and gift cards.",
                "rates": [{"currency": None, "points": 1, "perAmount": "1.00"}],
            }
        ],
        "rewards": [
            {
                "id": "5-off",
                "kind": "AMOUNT_OFF",
                "name": "5.00 off",
                "unit": "points",
                "points": 500,
                "validityDays": None,
                "amount": {"amount": "5.00", "amountMinor": 500, "currency": "EUR"},
            },
            {
                "id": "free-shipping",
                "kind": "FREE_SHIPPING",
                "name": "Free shipping",
                "unit": "points",
                "points": 200,
                "validityDays": None,
                "amount": None,
            },
        ],
    }


async def test_the_argument_chooses_the_language_before_the_header_does(api: Api) -> None:
    reader = api.public.reading("pl,en;q=0.5")

    names = [(await reader(TERMS, locale=locale))["programme"]["name"] for locale in (None, "et-EE", "de")]

    assert names == ["Program lojalnościowy", "Püsikliendiprogramm", "Program lojalnościowy"]


async def test_rewards_come_in_pages(api: Api) -> None:
    one = (await api.public(REWARDS, first=1))["rewards"]
    other = (await api.public(REWARDS, first=1, after=one["pageInfo"]["endCursor"]))["rewards"]

    assert [one["totalCount"], other["totalCount"]] == [2, 2]
    assert one["nodes"] == [{"id": "5-off", "name": "5.00 off", "points": 500}]
    assert other["nodes"] == [{"id": "free-shipping", "name": "Free shipping", "points": 200}]
    assert [one["pageInfo"][name] for name in ("hasNextPage", "hasPreviousPage")] == [True, False]
    assert [other["pageInfo"][name] for name in ("hasNextPage", "hasPreviousPage")] == [False, True]
    assert one["edges"] == [{"cursor": one["pageInfo"]["startCursor"], "node": {"id": "5-off"}}]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"first": 0}, "first: this is too little"),
        ({"first": 101}, "first: this is too much"),
        ({"first": -1}, "first"),
    ],
)
async def test_a_page_has_from_1_to_100(api: Api, arguments: dict[str, int], problem: str) -> None:
    [error] = (await api.public.told(REWARDS, **arguments))["errors"]

    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert error["message"].startswith(problem)


@pytest.mark.parametrize("cursor", ["", "x", "W10", "WyJ4Il0=", "bnVsbA", "é", "A" * 5_000])
async def test_what_is_no_cursor_of_the_list_is_refused_or_leads_to_its_end(api: Api, cursor: str) -> None:
    told = await api.public.told(REWARDS, first=1, after=cursor)

    if "errors" in told:
        assert [error["extensions"]["code"] for error in told["errors"]] == ["BAD_USER_INPUT"]
    else:
        assert told["data"]["rewards"]["nodes"] == []

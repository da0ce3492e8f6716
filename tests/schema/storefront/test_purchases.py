"""Before buying: a quote. Afterwards: claiming a receipt."""

from datetime import timedelta
from typing import Any

import pytest

from tests.support.api import CLOCK, Api, Caller, a_line, an_order
from tests.support.world import contents, done

QUOTE = """
query($input: QuoteInput!) {
  quote(input: $input) {
    earnings { ruleId unit points expiresAt availableAt explanation }
    balances { unit availablePoints afterPoints }
    inReach { reward { id } balanceAfterPoints }
  }
}
"""
CLAIMED = "... on ReceiptClaimed { replayed entries { kind points explanation order { externalId } } }"


async def quoted(caller: Caller, *lines: dict[str, Any], **more: Any) -> Any:
    """Return what this basket would earn."""
    return (await caller(QUOTE, input={"lines": list(lines), **more}))["quote"]


class TestAQuote:
    async def test_tells_a_stranger_what_a_basket_would_earn(self, api: Api) -> None:
        before = await contents()

        told = await quoted(api.public, a_line(20_050))

        assert told == {
            "earnings": [
                {
                    "ruleId": "purchase",
                    "unit": "points",
                    "points": 200,
                    "expiresAt": "2027-03-31T21:00:00+00:00",
                    "availableAt": None,
                    "explanation": "200 points earned: 1 point per full €1.00 of €200.50.",
                }
            ],
            "balances": [{"unit": "points", "availablePoints": 0, "afterPoints": 200}],
            "inReach": [{"reward": {"id": "free-shipping"}, "balanceAfterPoints": 0}],
        }
        assert await contents() == before

    async def test_begins_with_the_member_s_own_balance(self, api: Api) -> None:
        mari, _ = await api.member(balance_points=450)

        told = await quoted(mari, a_line(6_000), discountMinor=500)

        assert told["balances"] == [{"unit": "points", "availablePoints": 450, "afterPoints": 505}]
        assert told["inReach"] == [
            {"reward": {"id": "5-off"}, "balanceAfterPoints": 5},
            {"reward": {"id": "free-shipping"}, "balanceAfterPoints": 305},
        ]

    async def test_is_what_the_order_earns(self, api: Api) -> None:
        basket = {
            "lines": [a_line(1_999, quantity="0.453"), a_line(5_000, sku="CARD", giftCard=True), a_line(333)],
            "discountMinor": 100,
            "taxMinor": 40,
        }
        mari, _ = await api.member()
        told = await quoted(mari, *basket["lines"], discountMinor=100, taxMinor=40)  # type: ignore[misc]

        order = an_order("1", customer={"kind": "EMAIL", "value": "mari@example.com"}, **basket)
        recorded = await done(api.till, "recordOrder", order, "... on OrderRecorded { entries { points } }")

        assert [one["points"] for one in told["earnings"]] == [one["points"] for one in recorded["entries"]] == [22]

    @pytest.mark.parametrize(
        "wrong",
        [
            {"lines": []},
            {"lines": [a_line(quantity="0")]},
            {"lines": [a_line(-1)]},
            {"discountMinor": 1_001},
            {"taxMinor": -1},
            {"currency": "XQQ"},
            {"lines": [a_line()] * 501},
        ],
    )
    async def test_of_what_cannot_be_bought_is_refused(self, api: Api, wrong: dict[str, Any]) -> None:
        errors = await api.public.errors(QUOTE, input={"lines": [a_line()], **wrong})

        assert errors == [("BAD_USER_INPUT", "quote")]


class TestAReceipt:
    async def test_makes_the_purchase_the_member_s_who_claims_it(self, api: Api) -> None:
        mari, _ = await api.member()
        code = await printed_code(api, "1001", 2_500)

        told = await done(
            mari, "claimReceipt", {"idempotencyKey": "k", "code": code.lower().replace("-", " ")}, CLAIMED
        )

        assert told == {
            "__typename": "ReceiptClaimed",
            "replayed": False,
            "entries": [
                {
                    "kind": "EARN",
                    "points": 25,
                    "explanation": "25 points for order 1001: 1 point per full €1.00 of €25.00.",
                    "order": {"externalId": "1001"},
                }
            ],
        }

    async def test_is_claimed_once(self, api: Api) -> None:
        mari, _ = await api.member()
        bo, _ = await api.member("bo@example.com")
        code = await printed_code(api, "1001", 2_500)
        await done(mari, "claimReceipt", {"idempotencyKey": "k", "code": code})

        again = await done(mari, "claimReceipt", {"idempotencyKey": "k", "code": code}, CLAIMED)
        late = await done(bo, "claimReceipt", {"idempotencyKey": "k", "code": code})

        assert again["replayed"] is True
        assert late["__typename"] == "ReceiptNotClaimable"

    async def test_is_claimed_less_what_came_back(self, api: Api) -> None:
        mari, _ = await api.member()
        code = await printed_code(api, "1001", 2_500)
        half = {"lines": [{"lineNumber": 1, "quantity": "0.5"}], "returnedAt": "2026-03-02T12:00:00Z"}
        await done(api.till, "recordReturn", {"idempotencyKey": "r", "orderExternalId": "1001", **half})

        told = await done(mari, "claimReceipt", {"idempotencyKey": "k", "code": code}, CLAIMED)

        assert [(entry["kind"], entry["points"]) for entry in told["entries"]] == [("EARN", 25), ("CLAWBACK", -12)]

    async def test_says_how_many_days_it_could_be_claimed(self, api: Api) -> None:
        mari, _ = await api.member()
        code = await printed_code(api, "1001", 2_500)
        CLOCK.advance(timedelta(days=29))
        mari = await api.customer("mari@example.com")

        told = await done(
            mari, "claimReceipt", {"idempotencyKey": "k", "code": code}, "... on ClaimWindowClosed { claimWindowDays }"
        )

        assert (told["__typename"], told["claimWindowDays"]) == ("ClaimWindowClosed", 30)

    async def test_can_be_guessed_at_ten_times_an_hour_however_they_are_asked(self, api: Api) -> None:
        mari, _ = await api.member()
        guesses = " ".join(
            f'g{number}: claimReceipt(input: {{ idempotencyKey: "{number}", code: "0000" }}) {{ __typename }}'
            for number in range(15)
        )

        told = await mari(f"mutation {{ {guesses} }}")

        assert [one["__typename"] for one in told.values()] == ["ReceiptNotClaimable"] * 10 + ["Throttled"] * 5


async def printed_code(api: Api, external_id: str, amount_minor: int) -> str:
    """Record an order of nobody's and return the code on its receipt."""
    order = an_order(external_id, a_line(amount_minor))
    told = await done(api.till, "recordOrder", order, "... on OrderRecorded { receiptLines }")
    [code] = [word for line in told["receiptLines"] for word in line.split() if word.count("-") == 3]
    return str(code)

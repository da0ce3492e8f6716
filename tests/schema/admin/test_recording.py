"""Recording orders, returns and cancellations."""

import asyncio
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from loyalty.tables import credentials
from tests.support.api import CLOCK, Api, a_line, an_order, by_email
from tests.support.shops import a_shop
from tests.support.world import contents, done

RECORDED = """
... on OrderRecorded {
  replayed
  receiptLines
  member { email enrolledAt wallet { availablePoints } }
  entries { kind points explanation expiresOn order { externalId } }
  order {
    externalId shop placedAt recordedAt currency channel claimedAt cancelledAt
    total { amount amountMinor currency } discount { amountMinor } shipping { amountMinor } tax { amountMinor }
    lines {
      lineNumber sku name category brand quantity returnedQuantity giftCard
      amount { amount } discountShare { amountMinor } taxShare { amountMinor }
    }
    entries { points }
    customer { email }
  }
}
"""
BATCH = """
mutation($input: RecordOrdersInput!) {
  recordOrders(input: $input) {
    __typename
    ... on OrdersRecorded {
      replayed
      results {
        __typename
        ... on OrderRecorded { replayed order { externalId } entries { points } }
        ... on Refusal { code message }
        ... on QuantityInvalid { lineNumber }
        ... on TotalMismatch { totalMinor expectedMinor }
        ... on MomentInvalid { field }
      }
    }
  }
}
"""
RETURNED = """
... on ReturnRecorded {
  replayed entries { kind points } member { wallet { availablePoints owedPoints } }
  order { cancelledAt lines { returnedQuantity } }
}
... on ReturnAwaitsOrder { replayed orderExternalId }
"""


class TestAnOrder:
    async def test_is_told_whole(self, api: Api) -> None:
        lines = [
            a_line(1_590, sku="COFFEE", name="Coffee, 500 g", quantity="2", category="Drinks", brand="Harvest"),
            a_line(680, sku="CHEESE", name="Cheese", quantity="0.453"),
            a_line(2_000, sku="GIFT", name="Gift card", giftCard=True),
        ]
        sums = {"discountMinor": 227, "shippingMinor": 490, "taxMinor": 300, "totalMinor": 4_533}

        told = await done(
            api.till, "recordOrder", an_order("1001", *lines, customer=by_email(), channel="POS", **sums), RECORDED
        )

        # 4,270 - 227 over the lines by largest remainder: 85, 36, 106; the tax by what is left: 112, 48, 140.
        # Base: 1,590 - 85 - 112 + 680 - 36 - 48 = 1,989, so 19 points.
        assert told["order"] == {
            "externalId": "1001",
            "shop": "default",
            "placedAt": "2026-03-01T08:00:00+00:00",
            "recordedAt": "2026-03-02T12:00:00+00:00",
            "currency": "EUR",
            "channel": "POS",
            "claimedAt": None,
            "cancelledAt": None,
            "total": {"amount": "45.33", "amountMinor": 4_533, "currency": "EUR"},
            "discount": {"amountMinor": 227},
            "shipping": {"amountMinor": 490},
            "tax": {"amountMinor": 300},
            "lines": [
                {
                    "lineNumber": 1,
                    "sku": "COFFEE",
                    "name": "Coffee, 500 g",
                    "category": "Drinks",
                    "brand": "Harvest",
                    "quantity": "2",
                    "returnedQuantity": "0",
                    "giftCard": False,
                    "amount": {"amount": "15.90"},
                    "discountShare": {"amountMinor": 85},
                    "taxShare": {"amountMinor": 112},
                },
                {
                    "lineNumber": 2,
                    "sku": "CHEESE",
                    "name": "Cheese",
                    "category": None,
                    "brand": None,
                    "quantity": "0.453",
                    "returnedQuantity": "0",
                    "giftCard": False,
                    "amount": {"amount": "6.80"},
                    "discountShare": {"amountMinor": 36},
                    "taxShare": {"amountMinor": 48},
                },
                {
                    "lineNumber": 3,
                    "sku": "GIFT",
                    "name": "Gift card",
                    "category": None,
                    "brand": None,
                    "quantity": "1",
                    "returnedQuantity": "0",
                    "giftCard": True,
                    "amount": {"amount": "20.00"},
                    "discountShare": {"amountMinor": 106},
                    "taxShare": {"amountMinor": 140},
                },
            ],
            "entries": [{"points": 19}],
            "customer": {"email": "mari@example.com"},
        }
        assert told["replayed"] is False
        assert told["member"] == {
            "email": "mari@example.com",
            "enrolledAt": "2026-03-02T12:00:00+00:00",
            "wallet": {"availablePoints": 19},
        }
        assert told["entries"] == [
            {
                "kind": "EARN",
                "points": 19,
                "explanation": "19 points for order 1001: 1 point per full €1.00 of €19.89.",
                "expiresOn": "2027-03-31",
                "order": {"externalId": "1001"},
            }
        ]
        assert told["receiptLines"] == ["You earned 19 points", "Your balance: 19 points"]

    async def test_of_nobody_prints_a_code_to_claim_it_by(self, api: Api) -> None:
        told = await done(api.till, "recordOrder", an_order("1001", a_line(2_500)), RECORDED)

        assert told["member"] is None
        assert told["entries"] == []
        [code] = [word for line in told["receiptLines"] for word in line.split() if word.count("-") == 3]
        assert [len(part) for part in code.split("-")] == [4, 4, 4, 4]

    async def test_known_with_the_same_content_is_told_again_under_another_key(self, api: Api) -> None:
        order = an_order("1001", customer=by_email())
        await done(api.till, "recordOrder", order)
        before = await contents()

        again = await done(api.till, "recordOrder", {**order, "idempotencyKey": "other"}, RECORDED)

        assert (again["__typename"], again["replayed"]) == ("OrderRecorded", True)
        assert [entry["points"] for entry in again["entries"]] == [10]
        assert await contents() == before

    @pytest.mark.parametrize(
        ("wrong", "member", "facts"),
        [
            ({"lines": [a_line(), a_line(quantity="-2")]}, "QuantityInvalid", {"lineNumber": 2}),
            ({"lines": [a_line(quantity=10**12)]}, "QuantityInvalid", {"lineNumber": 1}),
            ({"lines": [a_line(str(10**18))]}, "AmountInvalid", {"lineNumber": 1, "field": "amountMinor"}),
            ({"lines": [a_line(), a_line(costMinor=-1)]}, "AmountInvalid", {"lineNumber": 2, "field": "costMinor"}),
            ({"currency": "XQQ"}, "UnknownCurrency", {"currency": "XQQ"}),
            ({"placedAt": "9999-12-31T23:59:59Z"}, "MomentInvalid", {"field": "placedAt"}),
            ({"placedAt": "1969-12-31T23:59:59Z"}, "MomentInvalid", {"field": "placedAt"}),
            ({"totalMinor": 1_001}, "TotalMismatch", {"totalMinor": 1_001, "expectedMinor": 1_000}),
            ({"lines": [a_line()] * 501}, "TooManyLines", {"count": 501, "countMax": 500}),
            ({"discountMinor": 1_001}, "DiscountTooLarge", {"discountMinor": 1_001, "linesMinor": 1_000}),
            ({"taxMinor": 1_001}, "TaxTooLarge", {"taxMinor": 1_001, "linesMinor": 1_000}),
            ({"couponCodes": ["SPRING"]}, "CouponUnknown", {"couponCode": "SPRING"}),
        ],
    )
    async def test_that_cannot_be_true_is_refused_by_name_of_what_is_wrong(
        self, api: Api, wrong: dict[str, Any], member: str, facts: dict[str, Any]
    ) -> None:
        before = await contents()

        told = await done(api.till, "recordOrder", an_order(**wrong), f"... on {member} {{ {' '.join(facts)} }}")

        assert told["__typename"] == member
        assert {name: told[name] for name in facts} == facts
        assert await contents() == before

    async def test_without_an_offset_or_with_odd_capitals_is_no_input_at_all(self, api: Api) -> None:
        for wrong in ({"placedAt": "2026-03-01T10:00:00"}, {"currency": "eur"}, {"lines": [a_line(quantity="1.0005")]}):
            document = "mutation($input: RecordOrderInput!) { recordOrder(input: $input) { __typename } }"

            assert await api.till.errors(document, input=an_order(**wrong)) == [("BAD_USER_INPUT", "")]

    async def test_of_a_key_s_own_shop_needs_no_shop_and_of_another_s_is_refused(self, api: Api) -> None:
        other = await a_shop(code="other")
        theirs = await api.key(shop=other)

        own = await done(theirs, "recordOrder", an_order("1"), "... on OrderRecorded { order { shop } }")
        foreign = await done(theirs, "recordOrder", an_order("2", shop=api.shop.code))
        unnamed = await done(api.till, "recordOrder", an_order("3"))

        assert own["order"] == {"shop": "other"}
        assert (foreign["__typename"], unnamed["__typename"]) == ("NotFound", "Invalid")

    async def test_whose_customer_is_busy_is_to_be_tried_again(self, api: Api, database: str) -> None:
        await done(api.till, "recordOrder", an_order("1", customer=by_email()))
        other = await asyncpg.connect(**credentials(database))
        try:
            async with other.transaction():
                await other.execute("SELECT FROM wallet FOR UPDATE")
                busy = await done(api.till, "recordOrder", an_order("2", customer=by_email()))
        finally:
            await other.close()
        now = await done(api.till, "recordOrder", an_order("2", customer=by_email()))

        assert (busy["__typename"], now["__typename"]) == ("TryAgain", "OrderRecorded")


class TestABatch:
    async def test_gives_each_order_its_own_outcome_in_the_order_asked(self, api: Api) -> None:
        await done(api.till, "recordOrder", an_order("known", a_line(700), customer=by_email()))
        orders = [
            an_order("new", a_line(1_200), customer=by_email("bo@example.com")),
            an_order("wrong", a_line(), a_line(quantity="0")),
            an_order("known", a_line(700), customer=by_email(), idempotencyKey="another"),
            an_order("known", a_line(701), customer=by_email(), idempotencyKey="a third"),
            an_order("sum", totalMinor=5),
            an_order("late", placedAt="2030-01-01T00:00:00Z"),
            an_order("key", idempotencyKey=""),
            an_order("nobody"),
        ]

        told = await api.till(BATCH, input={"idempotencyKey": "b", "orders": orders})

        results = told["recordOrders"]["results"]
        assert [one["__typename"] for one in results] == [
            "OrderRecorded",
            "QuantityInvalid",
            "OrderRecorded",
            "OrderDiffers",
            "TotalMismatch",
            "MomentInvalid",
            "IdempotencyKeyInvalid",
            "OrderRecorded",
        ]
        assert results[0] == {
            "__typename": "OrderRecorded",
            "replayed": False,
            "order": {"externalId": "new"},
            "entries": [{"points": 12}],
        }
        assert results[1]["lineNumber"] == 2
        assert (results[2]["replayed"], results[2]["entries"]) == (True, [{"points": 7}])
        assert (results[4]["totalMinor"], results[4]["expectedMinor"]) == (5, 1_000)
        assert results[5]["field"] == "placedAt"
        assert results[7]["entries"] == []
        stored = await api.till("{ orders(first: 9) { nodes { externalId } } }")
        assert {order["externalId"] for order in stored["orders"]["nodes"]} == {"known", "new", "nobody"}

    async def test_is_told_again_by_its_key_and_changes_nothing(self, api: Api) -> None:
        input = {"idempotencyKey": "b", "orders": [an_order("1", customer=by_email()), an_order("2", currency="XQQ")]}
        first = (await api.till(BATCH, input=input))["recordOrders"]
        before = await contents()

        again = (await api.till(BATCH, input=input))["recordOrders"]

        assert (first["replayed"], again["replayed"]) == (False, True)
        assert [one["__typename"] for one in again["results"]] == ["OrderRecorded", "UnknownCurrency"]
        assert [one.get("replayed") for one in again["results"]] == [True, None]
        assert await contents() == before

    async def test_of_five_hundred_is_one_request(self, api: Api) -> None:
        orders = [an_order(f"{number}", customer=by_email(f"c{number}@example.com")) for number in range(500)]

        told = await api.till(BATCH, input={"idempotencyKey": "b", "orders": orders})

        assert {one["__typename"] for one in told["recordOrders"]["results"]} == {"OrderRecorded"}
        assert (await api.till("{ orders(first: 1) { totalCount } }"))["orders"]["totalCount"] == 500

    async def test_sent_twice_at_once_is_recorded_once(self, api: Api) -> None:
        input = {"idempotencyKey": "b", "orders": [an_order(f"{number}", customer=by_email()) for number in range(20)]}

        answers = await asyncio.gather(*(api.till(BATCH, input=input) for _ in range(5)))

        assert sorted(answer["recordOrders"]["replayed"] for answer in answers) == [False, True, True, True, True]
        found = await api.till(
            "query($i: IdentifierInput!) { customer(identifier: $i) { wallet { availablePoints } } }", i=by_email()
        )
        assert found["customer"]["wallet"]["availablePoints"] == 200


class TestAReturn:
    async def test_takes_back_what_it_had_earned_pro_rata(self, api: Api) -> None:
        await done(api.till, "recordOrder", an_order("1", a_line(999, quantity="3"), customer=by_email()))
        asked = {"orderExternalId": "1", "returnedAt": "2026-03-02T10:00:00Z"}

        part = await done(
            api.till,
            "recordReturn",
            {"idempotencyKey": "r1", "lines": [{"sku": "COFFEE", "quantity": 1}], **asked},
            RETURNED,
        )
        rest = await done(api.till, "recordReturn", {"idempotencyKey": "r2", **asked}, RETURNED)

        # 9 points; a third of 9.99 is 3.33, so floor(9 x 333 / 999) = 3 go with the first line, the rest with the last.
        assert part == {
            "__typename": "ReturnRecorded",
            "replayed": False,
            "entries": [{"kind": "CLAWBACK", "points": -3}],
            "member": {"wallet": {"availablePoints": 6, "owedPoints": 0}},
            "order": {"cancelledAt": None, "lines": [{"returnedQuantity": "1"}]},
        }
        assert rest["entries"] == [{"kind": "CLAWBACK", "points": -6}]
        assert rest["order"]["lines"] == [{"returnedQuantity": "3"}]

    async def test_of_what_was_spent_is_owed(self, api: Api) -> None:
        mari, _ = await api.member()
        await done(api.till, "recordOrder", an_order("1", a_line(20_000), customer=by_email()))
        await done(mari, "redeemReward", {"idempotencyKey": "k", "rewardId": "free-shipping"})

        told = await done(
            api.till,
            "recordReturn",
            {"idempotencyKey": "r", "orderExternalId": "1", "returnedAt": "2026-03-02T10:00:00Z"},
            RETURNED,
        )

        assert told["member"] == {"wallet": {"availablePoints": 0, "owedPoints": 200}}

    async def test_that_comes_first_waits_for_its_order(self, api: Api) -> None:
        asked = {"idempotencyKey": "r", "orderExternalId": "1", "returnedAt": "2026-03-02T10:00:00Z"}

        waits = await done(api.till, "recordReturn", asked, RETURNED)
        order = await done(
            api.till,
            "recordOrder",
            an_order("1", customer=by_email()),
            "... on OrderRecorded { member { wallet { availablePoints } } }",
        )

        assert waits == {"__typename": "ReturnAwaitsOrder", "replayed": False, "orderExternalId": "1"}
        assert order["member"] == {"wallet": {"availablePoints": 0}}

    async def test_shows_the_order_as_it_stands_after_each_of_two(self, api: Api) -> None:
        await done(api.till, "recordOrder", an_order("1", a_line(quantity=3), customer=by_email()))
        one = 'orderExternalId: "1", returnedAt: "2026-03-02T10:00:00Z", lines: [{ lineNumber: 1, quantity: 1 }]'

        told = await api.till(
            f"""
            mutation {{
              a: recordReturn(input: {{ idempotencyKey: "a", {one} }}) {{ ...back }}
              b: recordReturn(input: {{ idempotencyKey: "b", {one} }}) {{ ...back }}
            }}
            fragment back on ReturnRecorded {{
              order {{ lines {{ returnedQuantity }} }} member {{ wallet {{ availablePoints }} }}
            }}
            """
        )

        assert [told[name]["order"]["lines"][0]["returnedQuantity"] for name in "ab"] == ["1", "2"]
        assert [told[name]["member"]["wallet"]["availablePoints"] for name in "ab"] == [7, 4]


class TestACancellation:
    async def test_is_a_return_of_everything(self, api: Api) -> None:
        await done(api.till, "recordOrder", an_order("1", a_line(), a_line(2_000), customer=by_email()))
        CLOCK.advance(timedelta(hours=1))

        told = await done(api.till, "cancelOrder", {"idempotencyKey": "c", "orderExternalId": "1"}, RETURNED)
        again = await done(api.till, "cancelOrder", {"idempotencyKey": "c2", "orderExternalId": "1"}, RETURNED)

        assert told["entries"] == [{"kind": "CLAWBACK", "points": -30}]
        assert told["order"] == {
            "cancelledAt": "2026-03-02T13:00:00+00:00",
            "lines": [{"returnedQuantity": "1"}, {"returnedQuantity": "1"}],
        }
        assert (again["__typename"], again["entries"]) == ("ReturnRecorded", [])

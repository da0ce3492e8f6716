"""What a basket would earn, and claiming the receipt of one that was bought without a name."""

# mypy: disable-error-code="untyped-decorator"
# Strawberry's field decorator with arguments is typed as Any.

from datetime import datetime
from typing import Annotated

import strawberry

from loyalty.earning import quote, receipts
from loyalty.earning.rules import Earned
from loyalty.once.answers import Once
from loyalty.shops.catalogue import ShopFacts
from loyalty.words.explanations import explained
from schema.caller import me_id, shop_asked
from schema.context import Info
from schema.cost import Cost
from schema.ledger import AmountTooLarge, Entry, entries_shown, standing_of
from schema.orders import ClaimWindowClosed, OrderLineInput, ReceiptNotClaimable
from schema.refusals import KeyedRefusals
from schema.rewards import NotAMember, Reward, RewardInReach
from schema.scalars import BigInt, CurrencyCode


@strawberry.input(description="A basket, as an order would say it.")
class QuoteInput:
    """What might be bought."""

    lines: list[OrderLineInput] = strawberry.field(description="The lines, 1 to 500.")
    currency: CurrencyCode | None = strawberry.field(default=None, description="Absent: the shop's.")
    discount_minor: BigInt | None = strawberry.field(default=None, description="On the whole basket.")
    tax_minor: BigInt | None = strawberry.field(default=None, description="The tax contained in the lines' amounts.")


@strawberry.type(description="What one rule would give.")
class QuotedEarning:
    """Units from a basket."""

    rule_id: str = strawberry.field(description="The rule's name in the programme.")
    unit: str = strawberry.field(description="The unit's code.")
    points: BigInt = strawberry.field(description="How many, in the unit's smallest part.")
    expires_at: datetime | None = strawberry.field(description="From when they would be gone.")
    available_at: datetime | None = strawberry.field(description="From when they could be used; null: at once.")
    explanation: str = strawberry.field(description="How it is reckoned, in the reader's language.")

    @classmethod
    async def of(cls, earned: Earned, shop: ShopFacts, info: Info) -> "QuotedEarning":
        """Show and word it."""
        document = (await standing_of(info.context, shop.id)).version.document
        unit = document.unit(earned.unit)
        assert unit is not None
        return cls(
            rule_id=earned.rule_id,
            unit=earned.unit,
            points=BigInt(earned.points),
            expires_at=earned.expires_at,
            available_at=earned.available_at,
            explanation=explained(
                "earn",
                earned.points,
                {**earned.explanation, "order": None},
                language=info.context.language,
                unit_name=unit.name.by_language(),
                decimals=unit.decimals,
                time_zone=shop.time_zone,
            ),
        )


@strawberry.type(description="A balance now and after the basket.")
class QuotedBalance:
    """One unit."""

    unit: str = strawberry.field(description="The unit's code.")
    available_points: BigInt = strawberry.field(description="What can be spent now; zero when nobody is signed in.")
    after_points: BigInt = strawberry.field(description="What could be spent after buying the basket.")


@strawberry.type(description="What a basket would earn if it were bought now, and what would be within reach.")
class Quote:
    """An answer that writes nothing."""

    earnings: list[QuotedEarning] = strawberry.field(
        description="What each rule would give.", directives=[Cost(rows=20)]
    )
    balances: list[QuotedBalance] = strawberry.field(description="Where that would lead.", directives=[Cost(rows=20)])
    in_reach: list[RewardInReach] = strawberry.field(
        description="Rewards one could pay for then.", directives=[Cost(rows=50)]
    )


@strawberry.type
class PurchasesQuery:
    """Before buying."""

    @strawberry.field(description="What this basket would earn, and what is within reach.")
    async def quote(self, info: Info, input: QuoteInput) -> Quote:
        """Reckon by the rules an order would be reckoned by."""
        context = info.context
        shop = await shop_asked(info)
        told = await quote.quote(
            shop,
            lines=[line.asked() for line in input.lines],
            currency=input.currency or shop.currency,
            discount_minor=input.discount_minor or 0,
            tax_minor=input.tax_minor or 0,
            customer_id=context.actor.customer_id,
            actor=context.actor,
            now=context.now,
        )
        return Quote(
            earnings=[await QuotedEarning.of(earned, shop, info) for earned in told.earned],
            balances=[
                QuotedBalance(
                    unit=one.unit,
                    available_points=BigInt(one.available_points),
                    after_points=BigInt(one.after_points),
                )
                for one in told.balances
            ],
            in_reach=[
                RewardInReach(
                    reward=Reward.of(one.reward, context.language),
                    balance_after_points=BigInt(one.balance_after_points),
                )
                for one in told.in_reach
            ],
        )


@strawberry.input(description="A receipt to claim.")
class ClaimReceiptInput:
    """The code on it."""

    idempotency_key: str = strawberry.field(description="The caller's own key; the same key has one effect.")
    code: str = strawberry.field(description="The code printed on the receipt; case, spaces and dashes do not matter.")


@strawberry.type(description="The purchase belongs to the member now.")
class ReceiptClaimed:
    """A claimed receipt."""

    entries: list[Entry] = strawberry.field(
        description="What it earned, less what was returned meanwhile.", directives=[Cost(rows=20)]
    )
    replayed: bool = strawberry.field(description="Whether the key was answered before and this tells it again.")


ClaimReceiptResult = Annotated[
    ReceiptClaimed | ReceiptNotClaimable | ClaimWindowClosed | NotAMember | AmountTooLarge | KeyedRefusals,
    strawberry.union("ClaimReceiptResult", description="What claiming came to."),
]


@strawberry.type
class PurchasesMutation:
    """After buying."""

    @strawberry.mutation(description="Claim the units of a purchase made without a name, by the code on its receipt.")
    async def claim_receipt(self, info: Info, input: ClaimReceiptInput) -> ClaimReceiptResult:
        """Claim for oneself."""
        context = info.context
        done = await receipts.claim_receipt(
            Once(input.idempotency_key, input),
            code=input.code,
            customer_id=me_id(info),
            actor=context.actor,
            now=context.now,
        )
        return ReceiptClaimed(entries=await entries_shown(context, done.value.entry_ids), replayed=done.replayed)

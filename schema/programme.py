"""A programme's public terms, in words and numbers."""

# mypy: disable-error-code="untyped-decorator"
# Strawberry's field decorator with arguments is typed as Any.

from datetime import datetime

import strawberry

from loyalty.programme.document import Programme as Document
from loyalty.programme.document import PurchaseRule
from loyalty.programme.standing import Standing
from loyalty.words import terms
from loyalty.words.languages import chosen
from schema.context import Info
from schema.cost import Cost
from schema.ledger import Unit
from schema.rewards import Reward
from schema.scalars import BigInt, CurrencyCode


@strawberry.type(description="How units are earned.")
class EarnRule:
    """One rule, in words and numbers."""

    id: str = strawberry.field(description="The rule's name in the programme; entries name it.")
    unit: str = strawberry.field(description="The code of the unit it gives.")
    description: str = strawberry.field(description="The rule in words.")
    rates: list["EarnRate"] = strawberry.field(
        description="How much it gives, per currency.", directives=[Cost(rows=20)]
    )


@strawberry.type(description="So many units for so much money.")
class EarnRate:
    """One rate."""

    currency: CurrencyCode | None = strawberry.field(description="The currency; null: the order's own, any other.")
    points: BigInt = strawberry.field(description="How many units, in the smallest part.")
    per_amount: str = strawberry.field(description='For so much, in the currency\'s main unit: "1.00".')


@strawberry.type(description="A programme's public terms: how to earn, rewards, expiry, in words and numbers.")
class Programme:
    """The version that holds now."""

    document: strawberry.Private[Document]
    language: strawberry.Private[str]
    name: str = strawberry.field(description="Its name.")
    version: int = strawberry.field(description="The number of the version that holds.")
    effective_at: datetime = strawberry.field(description="Since when it holds.")
    time_zone: str = strawberry.field(description="The zone in which its days are counted.")

    @strawberry.field(description="What is collected; the first is the main one.", directives=[Cost(rows=20)])
    def units(self) -> list[Unit]:
        """Name the units."""
        return [
            Unit(code=unit.code, name=_singular(unit.name.by_language()[self.language]), decimals=unit.decimals)
            for unit in self.document.units
        ]

    @strawberry.field(description="How units are earned.", directives=[Cost(rows=20)])
    def earn_rules(self) -> list[EarnRule]:
        """Word the rules."""
        return [_rule(self.document, rule, self.language) for rule in self.document.earn]

    @strawberry.field(description="When units expire, in words.")
    def expiry(self) -> str:
        """Word the expiry."""
        return terms.expiry_worded(self.document.expiry.model_dump(), language=self.language)

    @strawberry.field(description="When units can be used, in words.")
    def pending(self) -> str:
        """Word the pending policy."""
        return terms.pending_worded(self.document.pending.model_dump(), language=self.language)

    @strawberry.field(description="What happens when goods come back, in words.")
    def returns(self) -> str:
        """Word the clawback policy."""
        return terms.returns_worded(owing_allowed=self.document.owing_allowed, language=self.language)

    @strawberry.field(description="All rewards. For pages of them, ask `rewards`.", directives=[Cost(rows=50)])
    def rewards(self) -> list[Reward]:
        """Show the rewards."""
        return [Reward.of(reward, self.language) for reward in self.document.rewards]

    @classmethod
    def of(cls, standing: Standing, info: Info, locale: str | None) -> "Programme":
        """Show the terms in the language asked for."""
        document = standing.version.document
        language = chosen(locale, info.context.language)
        return cls(
            document=document,
            language=language,
            name=document.name.by_language()[language],
            version=standing.version.number,
            effective_at=standing.version.effective_at,
            time_zone=standing.shop.time_zone,
        )


def _singular(name: str) -> str:
    return name.split("|")[0]


def _rule(document: Document, rule: PurchaseRule, language: str) -> EarnRule:
    unit = document.unit(rule.unit)
    assert unit is not None
    description = terms.earn_rule_worded(
        [(rate.points, rate.per_amount, rate.currency) for rate in rule.rates],
        language=language,
        rounding=rule.rounding,
        counts_tax=rule.base.tax,
        counts_shipping=rule.base.shipping,
        counts_gift_cards=rule.base.gift_cards,
        unit_name=unit.name.by_language(),
        decimals=unit.decimals,
    )
    rates = [
        EarnRate(
            currency=CurrencyCode(rate.currency) if rate.currency else None,
            points=BigInt(rate.points),
            per_amount=rate.per_amount,
        )
        for rate in rule.rates
    ]
    return EarnRule(id=rule.id, unit=rule.unit, description=description, rates=rates)

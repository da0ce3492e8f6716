"""The programme document: what is promised, as data. Its JSON Schema is docs/programme.schema.json.

Whatever comes in several kinds says which in `kind`; a new kind is a new member of its union.
"""

from collections.abc import Collection, Sequence
from fractions import Fraction
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from loyalty.amounts import AMOUNT_MINOR_MAX, POINTS_PER_ENTRY_MAX, Rounding, currency_decimals, known_currencies
from loyalty.shops.days import CalendarPeriod


def _known_currency(code: str) -> str:
    if code not in known_currencies():
        raise PydanticCustomError("currency", "No currency has the code {code}.", {"code": code})
    return code


def _above_zero(amount: str) -> str:
    if Fraction(amount) == 0:
        raise PydanticCustomError("amount", "The amount must be above zero.")
    return amount


Code = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,49}$", description="A short name in lower case.")]
Text = Annotated[str, Field(min_length=1, max_length=200, pattern=r"\S")]
CurrencyCode = Annotated[
    str, Field(pattern=r"^[A-Z]{3}$", description="An ISO 4217 code."), AfterValidator(_known_currency)
]
Points = Annotated[int, Field(gt=0, le=POINTS_PER_ENTRY_MAX, description="In the unit's smallest part.")]
MainUnits = Annotated[
    str,
    Field(pattern=r"^[0-9]{1,12}(\.[0-9]{1,4})?$", description="An amount in the currency's main unit, such as 1.00."),
    AfterValidator(_above_zero),
]


class _Part(BaseModel):
    """What all parts of a document are: unchangeable, and without fields nobody knows. 1 is not true, "1" not 1."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Localized(_Part):
    """A public text in every language of the product."""

    en: Text
    nb: Text
    sv: Text
    pl: Text
    et: Text

    def by_language(self) -> dict[str, str]:
        """Return the text per language."""
        return self.model_dump()


class Unit(_Part):
    """What is collected. The name may list the forms that counting needs, divided by "|": "star|stars"."""

    code: Code
    name: Localized
    decimals: int = Field(default=0, ge=0, le=4, description="How many digits of a quantity stand behind the sign.")


class Rate(_Part):
    """So many points for each `per_amount`. `currency` null stands for every currency that has no rate of its own."""

    currency: CurrencyCode | None = None
    points: Points
    per_amount: MainUnits

    def per_minor(self, currency: str) -> Fraction:
        """Return `per_amount` in the smallest part of the currency, exactly: 1.00 is 100 in EUR and 1 in JPY."""
        return Fraction(self.per_amount) * Fraction(10) ** currency_decimals(currency)


class Base(_Part):
    """What of an order counts. A line counts with its amount less its share of the order's discount."""

    tax: bool = Field(default=False, description="Whether the tax contained in the amounts counts.")
    gift_cards: bool = Field(default=False, description="Whether lines that buy a gift card count.")
    shipping: Literal[False] = Field(default=False, description="Shipping does not count.")
    discounts: Literal["net"] = Field(default="net", description="Discounts are taken off first.")


class PurchaseRule(_Part):
    """Points for what is bought."""

    id: Code
    kind: Literal["purchase"]
    unit: Code
    rates: tuple[Rate, ...] = Field(min_length=1, max_length=200)
    base: Base = Base()
    rounding: Rounding = Rounding.FLOOR
    scope: Literal["order"] = Field(default="order", description="Rounded once, over the whole order.")

    def rate_for(self, currency: str) -> Rate | None:
        """Return the rate of this currency, or of any currency, or None where the rule gives nothing for it."""
        by_currency = {rate.currency: rate for rate in self.rates}
        return by_currency.get(currency) or by_currency.get(None)

    @model_validator(mode="after")
    def _one_rate_per_currency(self) -> Self:
        _each_once(self.rates, of="rates", by="currency")
        return self


EarnRule = PurchaseRule


class NotPending(_Part):
    """Units can be spent at once."""

    kind: Literal["none"]


class PendingDays(_Part):
    """Units can be spent so many days after the purchase."""

    kind: Literal["days"]
    days: int = Field(gt=0, le=3_660)


class PendingEvent(_Part):
    """Units can be spent once something has happened, such as the order's delivery."""

    kind: Literal["event"]
    event: Code


Pending = Annotated[NotPending | PendingDays | PendingEvent, Field(discriminator="kind")]


class NeverExpires(_Part):
    """Units last."""

    kind: Literal["never"]


class ExpiresAfter(_Part):
    """Units end so many months or days after the purchase, at the end of that day, week, month or year."""

    kind: Literal["after"]
    months: int | None = Field(default=None, gt=0, le=1_200)
    days: int | None = Field(default=None, gt=0, le=36_600)
    round_to: CalendarPeriod

    @model_validator(mode="after")
    def _months_or_days(self) -> Self:
        if (self.months is None) == (self.days is None):
            raise PydanticCustomError("expiry", "Say either months or days.")
        return self


Expiry = Annotated[NeverExpires | ExpiresAfter, Field(discriminator="kind")]


class _Reward(_Part):
    """What every reward says. `validity_days` is how long it can be used once somebody has it; absent: for ever."""

    id: Code
    name: Localized
    unit: Code
    points: Points
    validity_days: int | None = Field(default=None, gt=0, le=36_600)


class AmountOff(_Reward):
    """A sum off one purchase."""

    kind: Literal["amount_off"]
    amount_minor: int = Field(gt=0, le=AMOUNT_MINOR_MAX, description="In the currency's smallest part.")
    currency: CurrencyCode


class FreeShipping(_Reward):
    """One delivery that costs nothing."""

    kind: Literal["free_shipping"]


Reward = Annotated[AmountOff | FreeShipping, Field(discriminator="kind")]


class Programme(_Part):
    """Everything one version of a programme promises."""

    model_config = ConfigDict(title="Programme", json_schema_extra={"$id": "programme.schema.json"})

    format: Literal[1]
    name: Localized
    units: tuple[Unit, ...] = Field(min_length=1, max_length=20)
    earn: tuple[EarnRule, ...] = Field(default=(), max_length=200)
    pending: Pending
    expiry: Expiry
    owing_allowed: bool = Field(description="Whether a return may leave units owed that were spent already.")
    reservation_minutes: int = Field(default=30, gt=0, le=10_080, description="How long a checkout may hold units.")
    restored_days: int = Field(
        default=30, gt=0, le=3_660, description="How long units last that come back after they expired."
    )
    rewards: tuple[Reward, ...] = Field(default=(), max_length=500)

    def unit(self, code: str) -> Unit | None:
        """Return the unit with this code, or None."""
        return next((unit for unit in self.units if unit.code == code), None)

    def reward(self, reward_id: str) -> AmountOff | FreeShipping | None:
        """Return the reward with this id, or None."""
        return next((reward for reward in self.rewards if reward.id == reward_id), None)

    @model_validator(mode="after")
    def _names_are_unique_and_known(self) -> Self:
        _each_once(self.units, of="units", by="code")
        _each_once(self.earn, of="earn", by="id")
        _each_once(self.rewards, of="rewards", by="id")
        units = {unit.code for unit in self.units}
        _of_known_units(self.earn, of="earn", units=units)
        _of_known_units(self.rewards, of="rewards", units=units)
        return self


def _each_once(parts: Sequence[BaseModel], *, of: str, by: str) -> None:
    seen: set[object] = set()
    for position, part in enumerate(parts):
        name = getattr(part, by)
        if name in seen:
            raise PydanticCustomError("twice", "The same {by} stands here twice.", {"by": by, "at": (of, position, by)})
        seen.add(name)


def _of_known_units(parts: Sequence[EarnRule] | Sequence[Reward], *, of: str, units: Collection[str]) -> None:
    for position, part in enumerate(parts):
        if part.unit not in units:
            raise PydanticCustomError(
                "unit", "The programme has no unit {unit}.", {"unit": part.unit, "at": (of, position, "unit")}
            )

"""What a basket would earn before it is bought, and what would be within reach then."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from loyalty.access import Actor, Permission, require
from loyalty.earning.rules import Earned, earned_for_purchase, purchase_facts
from loyalty.ledger.balances import WalletFacts, wallets_of
from loyalty.orders.asked import LineAsked, OrderAsked, check_order
from loyalty.orders.shares import shares
from loyalty.programme.versions import version_at
from loyalty.rewards.catalogue import RewardInReach, in_reach
from loyalty.shops.catalogue import ShopFacts


@dataclass(frozen=True, slots=True)
class BalanceQuoted:
    """What could be spent in one unit now, and once the basket is bought, in the unit's smallest part."""

    unit: str
    available_points: int
    after_points: int


@dataclass(frozen=True, slots=True)
class Quote:
    """What each rule would give, the balances it would lead to, and the rewards these could pay for.

    `version` is the number of the programme version it was reckoned by.
    """

    version: int
    currency: str
    earned: tuple[Earned, ...]
    balances: tuple[BalanceQuoted, ...]
    in_reach: tuple[RewardInReach, ...]


async def quote(
    shop: ShopFacts,
    *,
    lines: Sequence[LineAsked],
    currency: str,
    discount_minor: int = 0,
    tax_minor: int = 0,
    customer_id: UUID | None,
    actor: Actor,
    now: datetime,
) -> Quote:
    """Return what a basket would earn if it were bought now, by the same rules as an order, and what is in reach.

    `discount_minor` and `tax_minor` are an order's. Without a customer the balances begin at zero. What would only
    become available later is not in reach, and what is owed is covered first. Nothing is written.

    Raises:
        NotPermitted: the actor may not see this customer's balances.
        Invalid: something cannot be true of a basket, as of an order.
        NotFound: the shop has no programme.
    """
    if customer_id is not None:
        require(actor, Permission.LEDGER_READ, of=customer_id)
    basket = OrderAsked(
        idempotency_key="quote",
        external_id="quote",
        placed_at=now,
        currency=currency,
        lines=tuple(lines),
        discount_minor=discount_minor,
        tax_minor=tax_minor,
    )
    check_order(basket, now=now)
    version = await version_at(shop.programme, now)
    facts = purchase_facts(basket, shares(basket))
    earned = earned_for_purchase(version.document, facts, shop.time_zone, version=version.number)
    wallets = {} if customer_id is None else await _wallets(customer_id, now)
    balances = tuple(_balance(unit.code, wallets.get(unit.code), earned) for unit in version.document.units)
    reach = in_reach(version, {balance.unit: balance.after_points for balance in balances})
    return Quote(version.number, currency, earned, balances, reach)


async def _wallets(customer_id: UUID, now: datetime) -> dict[str, WalletFacts]:
    return {wallet.unit: wallet for wallet in (await wallets_of([customer_id], now=now))[customer_id]}


def _balance(unit: str, wallet: WalletFacts | None, earned: Sequence[Earned]) -> BalanceQuoted:
    at_once = sum(one.points for one in earned if one.unit == unit and one.available_at is None and one.awaits is None)
    available, owed = (wallet.available_points, wallet.owed_points) if wallet else (0, 0)
    return BalanceQuoted(unit, available, available + max(0, at_once - owed))

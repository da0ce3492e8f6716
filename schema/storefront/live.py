"""A balance as it changes."""

# mypy: disable-error-code="untyped-decorator"
# Strawberry's field decorator with arguments is typed as Any.

from collections.abc import AsyncGenerator

import strawberry

from loyalty.customers import lookup
from loyalty.ledger.balances import WalletFacts, wallets_of
from loyalty.refusals import NotFound
from schema.caller import me_id, surroundings
from schema.context import Info
from schema.ledger import Wallet, standing_of


@strawberry.type
class BalanceSubscription:
    """What a front end may watch."""

    @strawberry.subscription(
        description="The main unit's wallet: at once, and again after each change. After a lost connection to the "
        "database it is told anew, so nobody waits for what they missed."
    )
    async def balance_changed(self, info: Info) -> AsyncGenerator[Wallet, None]:
        """Tell the wallet now and whenever something was posted to it."""
        context = info.context
        customer = await lookup.customer_with_id(context.actor, me_id(info))
        if customer is None:
            raise NotFound(what="customer")
        unit = (await standing_of(context, customer.shop_id)).version.document.units[0].code
        version = -1
        async with surroundings(info).balance_news().watch(customer.id) as changes:
            async for _ in changes:
                found = (await wallets_of([customer.id], now=context.clock.now()))[customer.id]
                wallet = next((one for one in found if one.unit == unit), WalletFacts.empty(customer.id, unit))
                if wallet.version != version:
                    version = wallet.version
                    yield Wallet.of(wallet, customer.shop_id)

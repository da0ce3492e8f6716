"""The text for the printed receipt."""

from datetime import timedelta

from loyalty.earning.purchases import OrderRecorded
from loyalty.earning.receipt_facts import receipt_facts
from loyalty.shops.days import local_date
from loyalty.words.receipts import receipt_lines
from schema.context import Info
from schema.ledger import standing_of


async def receipt_lines_shown(info: Info, recorded: OrderRecorded) -> list[str]:
    """Word what the till prints: what was earned and what that makes, or how to claim it."""
    facts = await receipt_facts(recorded)
    standing = await standing_of(info.context, facts.shop_id)
    unit = standing.version.document.unit(facts.unit)
    claim_by = facts.placed_at + timedelta(days=standing.shop.claim_window_days, microseconds=-1)
    return receipt_lines(
        language=info.context.language,
        earned_points=facts.earned_points,
        balance_points=facts.balance_points,
        owed_points=facts.owed_points,
        available_on=local_date(facts.available_at, standing.shop.time_zone) if facts.available_at else None,
        pending=facts.pending,
        claim_code=facts.claim_code,
        claim_by=local_date(claim_by, standing.shop.time_zone),
        unit_name=unit.name.by_language() if unit else facts.unit,
        decimals=unit.decimals if unit else 0,
    )

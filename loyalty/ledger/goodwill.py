"""How much a person may give away by hand before a second one looks at it."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from loyalty.access import Actor, ActorKind
from loyalty.shops.catalogue import ShopFacts
from loyalty.staff.keys import person_behind
from loyalty.transactions import value


def month_start(now: datetime) -> datetime:
    """Return the first moment of the month, in UTC: budgets are the staff's, who may work anywhere."""
    return now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


async def spent_this_month(actor: Actor, reason: str, *, now: datetime) -> int:
    """Return the units this person gave for this reason in this month; what waits for approval is not counted."""
    # The whole month, not up to `now`: another process, whose clock is ahead, may have spent already.
    spent = await value(
        "SELECT coalesce(sum(points), 0)::bigint FROM adjustment WHERE asked_by = $1 AND reason = $2 AND points > 0"
        " AND state IN ('posted', 'approved') AND asked_at >= $3 AND asked_at < $4",
        actor.reference,
        reason,
        month_start(now),
        month_start(month_start(now) + timedelta(days=31)),
    )
    return int(spent)


def needs_second_person(points: int, shop: ShopFacts, actor: Actor, *, spent_points: int) -> bool:
    """Tell whether a second person must approve.

    So it is when the correction, up or down, passes the shop's limit, or when what is given would pass the person's
    monthly budget for the reason. Programs and jobs are held to the limit alone.
    """
    if abs(points) > shop.goodwill_limit_points:
        return True
    return actor.kind is ActorKind.STAFF and points > 0 and spent_points + points > shop.goodwill_budget_points


async def goodwill_left(actor: Actor, reason: str, shop: ShopFacts, *, now: datetime) -> int:
    """Return how many units this person may still give for this reason this month."""
    return max(0, shop.goodwill_budget_points - await spent_this_month(actor, reason, now=now))


async def hold_budget(actor: Actor) -> None:
    """Let the actor's adjustments follow each other until the open transaction ends, so that none overlooks another."""
    await value("SELECT pg_advisory_xact_lock(hashtextextended('goodwill:' || $1, 0))", actor.reference)


async def is_own_account(actor: Actor, family: list[UUID]) -> bool:
    """Tell whether the account, with those merged into it, is the actor's own, or of whoever made the actor's key.

    Somebody's own is also the account of the customer who has their e-mail address.
    """
    if actor.customer_id is not None and actor.customer_id in family:
        return True
    kind, _, person_id = (await person_behind(actor.reference)).partition(":")
    if kind != ActorKind.STAFF:
        return False
    return bool(
        await value(
            "SELECT EXISTS (SELECT FROM staff_member s JOIN customer_identifier i"
            "   ON i.kind = 'email' AND i.scope = '' AND i.value_key = s.email_key"
            " WHERE s.id = $1 AND i.customer_id = ANY($2::uuid[])"
            " UNION ALL SELECT FROM staff_member s WHERE s.id = $1 AND s.customer_id = ANY($2::uuid[]))",
            UUID(person_id),
            family,
        )
    )

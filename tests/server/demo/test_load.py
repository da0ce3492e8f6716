"""Loading the demo into a real database."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from loyalty import transactions
from loyalty.shops.catalogue import forget_shops
from server.demo.households import Basket, Counts, DemoDataMissing, Households, data_folder
from server.demo.load import Totals, is_complete, load
from server.demo.part import Visit, steps
from server.demo.progress import in_words
from server.demo.wishes import wish
from tests.support.database import connection

NOW = datetime(2026, 11, 23, 14, tzinfo=UTC)  # a Monday morning in New York
NEW_YORK = ZoneInfo("America/New_York")


@pytest.fixture(scope="module")
def households() -> Iterator[Households]:
    """Return the real data, or skip where it is not installed."""
    try:
        with Households.opened(data_folder()) as opened:
            yield opened
    except DemoDataMissing as missing:
        pytest.skip(str(missing))


@pytest.fixture(autouse=True)
def _nothing_is_remembered() -> None:
    """Let no test know the shop of the one before it."""
    forget_shops()


def a_visit(basket_id: int, at: datetime) -> Visit:
    return Visit(at, Basket(1, basket_id, at, 0, 100))


async def ledger() -> list[tuple[object, ...]]:
    """Return every entry of every household in a form that two loads can be compared by."""
    found = await transactions.rows(
        "SELECT i.value, e.sequence, e.kind, e.points, e.balance_after_points, e.occurred_at, e.recorded_at,"
        " o.external_id FROM entry e JOIN customer_identifier i ON i.customer_id = e.customer_id"
        " LEFT JOIN customer_order o ON o.id = e.order_id WHERE i.kind = 'external' ORDER BY 1, 2"
    )
    return [tuple(row) for row in found]


class _Killed(Exception):
    """The process that loaded is gone."""


def test_batches_are_full_and_no_batch_crosses_the_start_of_a_month() -> None:
    visits = [a_visit(day, datetime(2026, 1, day, 12, tzinfo=UTC)) for day in range(1, 6)]
    start = datetime(2026, 1, 4, tzinfo=UTC)
    later = datetime(2026, 2, 1, tzinfo=UTC)

    done = list(steps(visits, [start, later], size=2))

    assert done == [visits[:2], visits[2:3], start, visits[3:], later]


def test_a_quarter_of_the_households_wishes_for_a_reward_in_every_third_month() -> None:
    wishes = [(household_id, month) for household_id in range(1, 2_501) for month in range(1, 13)]

    granted = [one for one in wishes if wish(one[0], 2026, one[1]) is not None]

    assert len({household_id for household_id, _ in granted}) == 2_500 // 4
    assert len(granted) == 4 * (2_500 // 4)


async def test_loaded_households_have_every_order_of_theirs(database: str, households: Households) -> None:
    ids = list(households.orders_by_household())[:3]
    counts = households.counts(ids)

    totals = await load(households, now=NOW, households=3)

    [stands] = await transactions.rows(
        "SELECT count(*) AS orders, sum(total_minor)::bigint AS total_minor, max(placed_at) AS last,"
        " (SELECT count(*) FROM order_line) AS lines, (SELECT count(*) FROM customer) AS customers FROM customer_order"
    )
    assert (stands["orders"], stands["lines"], stands["customers"]) == (counts.orders, counts.order_lines, 3)
    assert stands["total_minor"] == sum(basket.total_minor for basket in households.baskets(ids))
    assert (totals.orders_recorded, totals.orders_known_before) == (counts.orders, 0)
    assert totals.lines_recorded == counts.order_lines
    assert totals.counts == counts


async def test_every_order_earns_one_point_for_each_full_dollar(database: str, households: Households) -> None:
    await load(households, now=NOW, households=3)

    [wrong] = await transactions.rows(
        "SELECT count(*) AS orders FROM customer_order o LEFT JOIN entry e ON e.order_id = o.id AND e.kind = 'earn'"
        " WHERE coalesce(e.points, 0) <> o.total_minor / 100 OR e.occurred_at <> o.placed_at"
    )
    assert wrong["orders"] == 0


async def test_points_that_ended_in_the_past_expired_then(database: str, households: Households) -> None:
    totals = await load(households, now=NOW, households=3)

    expired = await transactions.rows("SELECT points, occurred_at, recorded_at FROM entry WHERE kind = 'expire'")
    [left] = await transactions.rows("SELECT count(*) AS lots FROM lot WHERE open_points > 0 AND expires_at <= $1", NOW)
    moments = {row["occurred_at"].astimezone(NEW_YORK) for row in expired}
    assert -sum(row["points"] for row in expired) == totals.points_expired > 0
    assert left["lots"] == 0
    assert all((at.day, at.hour) == (1, 0) and at.astimezone(UTC) < NOW for at in moments)
    assert all(row["occurred_at"] == row["recorded_at"] for row in expired)


async def test_the_entries_of_a_customer_are_in_order_of_time(database: str, households: Households) -> None:
    await load(households, now=NOW, households=3)

    [wrong] = await transactions.rows(
        "SELECT count(*) AS entries FROM (SELECT recorded_at,"
        " lag(recorded_at) OVER (PARTITION BY wallet_id ORDER BY sequence) AS before FROM entry) AS numbered"
        " WHERE recorded_at < before"
    )
    assert wrong["entries"] == 0


async def test_people_enrol_with_their_first_purchase(database: str, households: Households) -> None:
    await load(households, now=NOW, households=3)

    enrolled = await transactions.rows(
        "SELECT c.enrolled_at, min(o.placed_at) AS first FROM customer c JOIN customer_order o ON o.customer_id = c.id"
        " GROUP BY c.id"
    )
    assert [row["enrolled_at"] for row in enrolled] == [row["first"] for row in enrolled]


async def test_some_redeem_a_reward_when_they_can_pay_for_it(database: str, households: Households) -> None:
    totals = await load(households, now=NOW, households=6)

    [stands] = await transactions.rows(
        "SELECT (SELECT count(*) FROM entitlement) AS rewards, (SELECT count(*) FROM entry WHERE kind = 'redeem')"
        " AS entries, (SELECT min(available_points) FROM wallet) AS lowest_points"
    )
    assert stands["rewards"] == stands["entries"] == totals.rewards_redeemed > 0
    assert stands["lowest_points"] >= 0


async def test_loading_again_changes_nothing(database: str, households: Households) -> None:
    first = await load(households, now=NOW, households=3)
    before = await ledger()

    again = await load(households, now=NOW, households=3)

    assert (again.orders_recorded, again.orders_known_before) == (0, first.orders_recorded)
    assert again.households_complete_before == 3
    assert await ledger() == before


async def test_a_later_load_keeps_to_the_year_as_it_was_moved_first(database: str, households: Households) -> None:
    await load(households, now=NOW, households=2)
    before = await ledger()

    await load(households, now=NOW.replace(year=2027, month=3), households=3)

    assert set(before) <= set(await ledger())
    [last] = await transactions.rows("SELECT max(placed_at) AS at FROM customer_order")
    assert last["at"] < NOW


@pytest.mark.parametrize("told", [2, 5, 11])
async def test_a_load_that_was_killed_goes_on_and_ends_as_if_it_had_not_been(
    database: str, households: Households, told: int
) -> None:
    await load(households, now=NOW, households=6)
    undisturbed = await ledger()
    await emptied(database)

    with pytest.raises(_Killed):
        await load(households, now=NOW, households=6, progress=_killed_after(told))
    interrupted = await ledger()
    await load(households, now=NOW, households=6)

    assert 0 < len(interrupted) < len(undisturbed)
    assert await ledger() == undisturbed


def _killed_after(times: int) -> Callable[[int, int], None]:
    told: list[int] = []

    def tell(done: int, of: int) -> None:
        told.append(done)
        if len(told) == times:
            raise _Killed

    return tell


async def emptied(url: str) -> None:
    """Leave the database as a test finds it."""
    async with connection(url) as other:
        tables = await other.fetch("SELECT quote_ident(tablename) AS name FROM pg_tables WHERE schemaname = 'public'")
        names = ", ".join(row["name"] for row in tables if row["name"] != "tortoise_migrations")
        await other.execute(f"SET session_replication_role = replica; TRUNCATE {names} CASCADE")
    forget_shops()


async def test_a_part_of_the_households_is_not_the_whole_demo(database: str, households: Households) -> None:
    await load(households, now=NOW, households=2)

    assert not await is_complete(households, now=NOW)


async def test_progress_ends_with_all_orders(database: str, households: Households) -> None:
    told: list[tuple[int, int]] = []

    totals = await load(households, now=NOW, households=3, progress=lambda done, of: told.append((done, of)))

    assert told[-1] == (totals.counts.orders, totals.counts.orders)
    assert told == sorted(told)


def test_the_totals_are_told_with_what_became_of_the_data() -> None:
    counts = Counts(1_469_307, 5_862, 29, 2_978, 529, 219, 155_848, 328, 199)

    told = in_words(Totals(counts=counts, households=2_469, orders_recorded=155_321))

    assert "2,469 households with 155,321 orders of 1,460,248 lines" in told
    assert "5,862 lines of quantity 0 without an amount were dropped" in told
    assert "328 baskets without lines were left out" in told

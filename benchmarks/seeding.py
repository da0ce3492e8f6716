"""Customers with wallets, entries and one order each, by numbers: customer 7 is `c000000000007`, and so are all ids.

The entries are posted by the ledger's own function; orders and customers are written as the product writes them.
"""

import sys
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from loyalty import transactions
from loyalty.access import Actor
from loyalty.programme.first import publish_first
from loyalty.shops.catalogue import ShopFacts, open_first_shop, shop_secrets
from loyalty.staff.keys import create_api_key

ENTRIES = 21
"""One more than a page shows, so that every page has a next one."""
CHUNK = 25
BENCHMARKS = Actor.system("benchmarks")

_ID = "('0000000{role}-0000-7000-8000-' || lpad(c::text, 12, '0'))::uuid"


def _id(role: int) -> str:
    return _ID.format(role=role)


CUSTOMER, ORDER, LINE, IDENTIFIER, NUMBER, ENTRY = (_id(role) for role in range(1, 7))

_CUSTOMERS = f"""
WITH made AS (
    INSERT INTO customer (id, shop_id, member_number, first_name, last_name, locale, search_text, enrolled_at,
        enrolled_through, created_at, updated_at)
    SELECT {CUSTOMER}, $3, (1000000000 + c)::text, 'Anna', 'Number ' || c, 'en', 'anna', $4, 'order', $4, $4
    FROM generate_series($1::int, $2::int) AS c
)
INSERT INTO customer_identifier (id, customer_id, kind, scope, value, value_key, created_at)
SELECT {IDENTIFIER}, {CUSTOMER}, 'external', $3::text, 'c' || lpad(c::text, 12, '0'), 'c' || lpad(c::text, 12, '0'), $4
FROM generate_series($1::int, $2::int) AS c
UNION ALL
SELECT {NUMBER}, {CUSTOMER}, 'member_number', '', (1000000000 + c)::text, (1000000000 + c)::text, $4
FROM generate_series($1::int, $2::int) AS c
"""
# A thousand pieces of one article, so that it can come back a piece at a time, a thousand times.
_ORDERS = f"""
WITH made AS (
    INSERT INTO customer_order (id, shop_id, external_id, customer_id, placed_at, recorded_at, currency,
        discount_minor, shipping_minor, tax_minor, total_minor, content_hash)
    SELECT {ORDER}, $3, 'o' || lpad(c::text, 12, '0'), {CUSTOMER}, $4, $4, 'EUR', 0, 0, 0, 100000, '\\x00'
    FROM generate_series($1::int, $2::int) AS c
)
INSERT INTO order_line (id, order_id, customer_id, line_number, sku, name, quantity_milli, amount_minor,
    discount_share_minor, tax_share_minor)
SELECT {LINE}, {ORDER}, {CUSTOMER}, 1, 'COFFEE-500', 'Coffee, 500 g', 1000000, 100000, 0, 0
FROM generate_series($1::int, $2::int) AS c
"""
_ENTRIES = f"""
SELECT count(*) FROM ledger_post((
    SELECT jsonb_agg(
        jsonb_build_object(
            'customer_id', {CUSTOMER}, 'unit', 'points', 'lot_made_id', gen_random_uuid(),
            'entry_id', CASE k WHEN 1 THEN {ENTRY} ELSE gen_random_uuid() END
        ) || CASE WHEN k = 1 THEN jsonb_build_object(
            'kind', 'earn', 'points', 1000, 'order_id', {ORDER}, 'earned_at', $3::timestamptz,
            'expires_at', $4::timestamptz, 'external_reference', 'order:' || {ORDER} || ':purchase',
            'explanation', jsonb_build_object(
                'rule', 'purchase', 'version', 1, 'order', 'o' || lpad(c::text, 12, '0'), 'basis_minor', 100000,
                'currency', 'EUR', 'points_per_step', 1, 'step_minor', 100, 'rounding', 'floor', 'multiplier', 1,
                'lines', '[[1, 100000]]'::jsonb
            )
        ) ELSE jsonb_build_object(
            'kind', 'adjust', 'points', 50000, 'explanation', jsonb_build_object('reason', 'goodwill')
        ) END
        ORDER BY c, k
    )
    FROM generate_series($1::int, $2::int) AS c CROSS JOIN generate_series(1, {ENTRIES}) AS k
), $3, 'system:benchmarks')
"""


@dataclass(frozen=True)
class Seeded:
    """What the workloads need to know of the data."""

    customers: int
    shop: ShopFacts
    token_secret: str
    api_key: str


async def seeded(customers: int, *, now: datetime) -> Seeded:
    """Fill an empty database, which is opened."""
    shop = await open_first_shop(now=now)
    await publish_first(shop.programme, currency=shop.currency, now=now)
    _, api_key = await create_api_key(BENCHMARKS, name="Benchmarks", scopes=["all"], now=now)
    then = now - timedelta(days=30)
    for first in range(1, customers + 1, CHUNK):
        last = min(first + CHUNK - 1, customers)
        await transactions.rows(_CUSTOMERS, first, last, shop.id, then)
        await transactions.rows(_ORDERS, first, last, shop.id, then)
        await transactions.rows(_ENTRIES, first, last, then, then + timedelta(days=365))
        print(f"\rseeding {last:,} of {customers:,} customers", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    for table in ("customer", "customer_identifier", "customer_order", "order_line", "wallet", "entry", "lot"):
        await transactions.rows(f"VACUUM ANALYZE {table}")
    secrets = await shop_secrets(shop.id)
    return Seeded(customers, shop, secrets.token_secret, api_key)


def customer_id(number: int) -> UUID:
    """Return a seeded customer's id."""
    return UUID(f"00000001-0000-7000-8000-{number:012d}")

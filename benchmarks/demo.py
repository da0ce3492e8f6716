"""All baskets of the demo, loaded into an empty database by the command that does so."""

import os
import re
import subprocess
import sys
import time

from benchmarks.scratch import CHECKOUT, scratch


def measured() -> str:
    """Load all and return the figures as lines of Markdown."""
    with scratch() as at:
        given = {"REGULARS_DATABASE_URL": at.url, "REGULARS_SECRET": at.secret, "REGULARS_LOG_LEVEL": "warning"}
        before, began = at.database_cpu_ms(), time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", "server", "demo", "--all"],
            env={**os.environ, **given},
            cwd=CHECKOUT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        printed = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = status
        seconds = time.monotonic() - began
        database_ms = at.database_cpu_ms() - before
    if status:
        raise SystemExit(f"The demo's load failed:\n{printed[-2000:]}")
    found = re.search(r"([\d,]+) orders recorded now", printed)
    assert found, printed
    orders = int(found[1].replace(",", ""))
    own_ms = 1000 * (used.ru_utime + used.ru_stime)
    return "\n".join(
        [
            "### Demo: all baskets",
            "",
            "| orders | seconds | orders/s (goal: 1,500) | resident MiB at most (goal: under 400)"
            " | loader CPU ms an order | database CPU ms an order |",
            "|---|---|---|---|---|---|",
            f"| {orders:,} | {seconds:.0f} | {orders / seconds:,.0f} | {used.ru_maxrss / 1024:.0f}"
            f" | {own_ms / orders:.3f} | {database_ms / orders:.3f} |",
        ]
    )

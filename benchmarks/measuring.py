"""Measuring two things in turn: A B A B …, so that what else the machine does befalls both."""

import os
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROUNDS = 5
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Sample:
    """One run of one side. Processor time in milliseconds, of the server process and of PostgreSQL."""

    operations: int
    seconds: float
    server_cpu_ms: float = 0.0
    database_cpu_ms: float = 0.0
    latency_p50_ms: float = 0.0
    latency_p95_ms: float = 0.0

    @property
    def per_second(self) -> float:
        """Return operations a second."""
        return self.operations / self.seconds


Run = Callable[[], Sample]


@dataclass
class Side:
    """One of the things compared, with its runs so far. `round_trips` are per operation."""

    name: str
    run: Run
    round_trips: int | None = None
    samples: list[Sample] = field(default_factory=list)

    def median(self, of: Callable[[Sample], float]) -> float:
        """Return the median of something over the runs."""
        return statistics.median(of(sample) for sample in self.samples)


def measured_in_turn(sides: Sequence[Side], rounds: int = ROUNDS) -> None:
    """Run every side once in each round."""
    for _ in range(rounds):
        for side in sides:
            side.samples.append(side.run())


@dataclass(frozen=True)
class Ratio:
    """How much of the limit was reached, over the rounds."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, us: Side, limit: Side) -> "Ratio":
        """Compare each run with the limit's of the same round."""
        each = [a.per_second / b.per_second for a, b in zip(us.samples, limit.samples, strict=True)]
        return cls(statistics.median(each), min(each), max(each))


@dataclass
class Comparison:
    """A workload's figures. `scale` turns operations into what the unit counts: lines in a request, say."""

    title: str
    us: Side
    limits: Sequence[Side]
    goals: Mapping[str, float] = field(default_factory=dict)
    unit: str = "operations/s"
    scale: float = 1.0

    def ratios(self) -> dict[str, Ratio]:
        """Return the ratio to each limit, by its name."""
        return {limit.name: Ratio.of(self.us, limit) for limit in self.limits}

    def told(self) -> str:
        """Return the figures as lines of Markdown."""
        lines = [
            f"### {self.title}",
            "",
            f"| side | {self.unit} | ratio (median, least to most) | goal | server CPU ms | database CPU ms |"
            " round trips | p50 / p95 ms |",
            "|---|---|---|---|---|---|---|---|",
            self._row(self.us, "", ""),
        ]
        for name, ratio in self.ratios().items():
            limit = next(limit for limit in self.limits if limit.name == name)
            goal = self.goals.get(name)
            verdict = "" if goal is None else f">= {goal:.2f}: {'reached' if ratio.median >= goal else 'not reached'}"
            lines.append(self._row(limit, f"{ratio.median:.2f} ({ratio.least:.2f} to {ratio.most:.2f})", verdict))
        return "\n".join(lines)

    def _row(self, side: Side, ratio: str, goal: str) -> str:
        def each(of: Callable[[Sample], float]) -> str:
            found = side.median(of)
            return f"{found:.2f}" if found else ""

        latency = f"{each(lambda s: s.latency_p50_ms)} / {each(lambda s: s.latency_p95_ms)}"
        cells = (
            side.name,
            f"{side.median(lambda s: s.per_second) * self.scale:,.0f}",
            ratio,
            goal,
            each(lambda s: s.server_cpu_ms / max(s.operations, 1)),
            each(lambda s: s.database_cpu_ms / max(s.operations, 1)),
            "" if side.round_trips is None else str(side.round_trips),
            latency if latency != " / " else "",
        )
        return f"| {' | '.join(cells)} |"


def cpu_ms(process: int, *, reaped_children: bool = False) -> float:
    """Return the processor time a process has used, in milliseconds; with that of children that ended, if asked."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    ticks = sum(int(fields[index]) for index in ((11, 12, 13, 14) if reaped_children else (11, 12)))
    return 1000.0 * ticks / _TICKS


def children_of(process: int) -> list[int]:
    """Return the processes that a process has started and that run still."""
    children: list[int] = []
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        children.extend(int(child) for child in task.read_text().split())
    return children


def family_cpu_ms(process: int) -> float:
    """Return the processor time of a process and of all its children, ended or not: the whole of a PostgreSQL."""
    return cpu_ms(process, reaped_children=True) + sum(cpu_ms(child) for child in children_of(process))


def memory_mib(process: int) -> tuple[float, float]:
    """Return a process's resident memory in MiB: now, and at its highest."""
    status = Path(f"/proc/{process}/status").read_text()
    found = dict(line.split(":", 1) for line in status.splitlines())
    return int(found["VmRSS"].split()[0]) / 1024, int(found["VmHWM"].split()[0]) / 1024

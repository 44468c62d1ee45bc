"""What a benchmark found, beside its goals: printed as a table, and written to benchmarks/results with machine and date."""

import json
import os
import platform
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number.

    Attributes:
        goal: as `<= 3` or `>= 0.5`; empty when there is none.
        reference: what Kestra needs, on a 2-core machine.
    """

    name: str
    value: float
    goal: str = ""
    reference: str = ""

    @property
    def is_met(self) -> bool:
        """Whether the goal is met; a figure without one meets it."""
        if not self.goal:
            return True
        sign, number = self.goal.split()
        return self.value <= float(number) if sign == "<=" else self.value >= float(number)


def machine() -> str:
    """Name what the figures depend on, and how busy it is with other things."""
    busy = os.getloadavg()[0]
    return f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, load {busy:.1f} at the start"


def table(title: str, figures: Sequence[Figure]) -> str:
    """Lay the figures out as Markdown."""
    lines = [title, "", "| figure | measured | goal | met | the reference |", "|---|---|---|---|---|"]
    for one in figures:
        met = "" if not one.goal else "yes" if one.is_met else "no"
        lines.append(f"| {one.name} | {shown(one.value)} | {one.goal} | {met} | {one.reference} |")
    return "\n".join(lines) + "\n"


def shown(value: float) -> str:
    """Print three digits, without an exponent."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def run(name: str, measure: Callable[[], Sequence[Figure]]) -> None:
    """Measure, print and write `<date>-<name>.md` and `.json`; with `--dry` nothing is written."""
    on = machine()
    figures = measure()
    today = datetime.now(UTC).date().isoformat()
    text = table(f"{name}, {today}: {on}", figures)
    print(text)
    if "--dry" in sys.argv:
        return
    RESULTS.mkdir(exist_ok=True)
    document = {"benchmark": name, "date": today, "machine": on, "figures": [asdict(one) for one in figures]}
    (RESULTS / f"{today}-{name}.md").write_text(text, encoding="utf-8")
    (RESULTS / f"{today}-{name}.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")

"""`topic plan`, `create`, `verify` and `describe`."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from kestra_stream.assembly.topics import BrokerTopics, Plan, Problem, problems_left, told_together
from kestra_stream.cli.exit_codes import FAILED, OK
from kestra_stream.cli.terminal.output import json_text, table_or_json, write_out
from kestra_stream.settings import load_settings

_SHOWN = ("cleanup.policy", "retention.ms", "max.message.bytes", "min.insync.replicas")


def show_plan(config: Path | None, groups: Sequence[str], output: str) -> int:
    """Print what `create` would do; return the exit code."""
    is_json, topics = table_or_json(output) == "json", _topics(config, groups)
    plan, faults = topics.plan(), topics.broker_faults()
    left = list(problems_left(plan, alter=True))
    _print_plan(plan, left, faults, is_json=is_json)
    return _code(left, faults)


def create_topics(config: Path | None, groups: Sequence[str], output: str, *, alter: bool) -> int:
    """Do what can be done, and print it; return the exit code."""
    is_json, topics = table_or_json(output) == "json", _topics(config, groups)
    faults = topics.broker_faults()
    plan, left = topics.create(alter=alter)
    done = Plan(tuple(step for step in plan.steps if alter or step.kind != "change_property"), plan.problems)
    _print_plan(done, left, faults, is_json=is_json)
    return _code(left, faults)


def verify_topics(config: Path | None, groups: Sequence[str], output: str) -> int:
    """Print all that is wrong; return the exit code."""
    is_json, topics = table_or_json(output) == "json", _topics(config, groups)
    plan, faults = topics.plan(), topics.broker_faults()
    _print_plan(Plan((), plan.problems), plan.problems, faults, is_json=is_json)
    return _code(plan.problems, faults)


def describe_topics(config: Path | None, groups: Sequence[str], output: str) -> int:
    """Print the topics as they are; return the exit code."""
    is_json, topics = table_or_json(output) == "json", _topics(config, groups)
    found = topics.found()
    if is_json:
        write_out(json_text([{"name": name, **(_plain(topic) if topic else {"missing": True})} for name, topic in found.items()]))
        return OK
    rows: list[tuple[str, ...]] = [("topic", "partitions", "replicas", *_SHOWN)]
    for name, topic in found.items():
        shown = (topic.properties or {}) if topic else {}
        cells = (str(topic.partitions), str(topic.replicas)) if topic else ("missing", "")
        rows.append((name, *cells, *(shown.get(key, "") for key in _SHOWN)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
    write_out("".join(f"{line}\n" for line in lines))
    return OK


def _topics(config: Path | None, groups: Sequence[str]) -> BrokerTopics:
    return BrokerTopics(load_settings(config, os.environ), groups)


def _print_plan(plan: Plan, problems: Iterable[Problem], faults: Sequence[str], *, is_json: bool) -> None:
    problems = list(problems)
    if is_json:
        steps = [asdict(step) for step in plan.steps]
        write_out(json_text({"steps": steps, "problems": [_plain(problem) for problem in problems], "broker": list(faults)}))
        return
    lines = [str(step) for step in plan.steps]
    lines += [f"wrong: {fault}" for fault in faults]
    lines += [f"wrong: {line}" for line in told_together(problem for problem in problems if problem.is_fatal)]
    lines += [f"risk: {line}" for line in told_together(problem for problem in problems if not problem.is_fatal)]
    write_out("".join(f"{line}\n" for line in lines or ["all topics are as they must be"]))


def _plain(value: Any) -> dict[str, Any]:
    return {name: sorted(item) if isinstance(item, frozenset) else item for name, item in asdict(value).items()}


def _code(problems: Iterable[Problem], faults: Sequence[str]) -> int:
    return FAILED if faults or any(problem.is_fatal for problem in problems) else OK

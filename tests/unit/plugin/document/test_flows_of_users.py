"""Flows as people write them for Kestra, in old and new words: each is read as it is, or refused with what to do about it."""

from pathlib import Path

import pytest

from kestra_stream.plugin.flow_source import ParsedFlow, parse_flows
from tests.unit.plugin.document.documents import HEAD, only

FLOWS = parse_flows((Path(__file__).parent / "flows_of_users.yaml").read_text(encoding="utf-8"), "flows_of_users.yaml")


@pytest.mark.parametrize("parsed", FLOWS, ids=lambda parsed: parsed.flow.id if parsed.flow is not None else "faulty")
def test_a_flow_of_kestra_is_read_as_it_is(parsed: ParsedFlow) -> None:
    assert parsed.faults == ()


def test_there_are_many_and_each_is_another_one() -> None:
    ids = [parsed.flow.id for parsed in FLOWS if parsed.flow is not None]
    assert len(set(ids)) == len(ids) > 40


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("io.kestra.plugin.jdbc.postgresql.Query", "no plugin of io.kestra.plugin.jdbc.postgresql is installed"),
        ("io.kestra.plugin.git.Clone", "no plugin of io.kestra.plugin.git is installed"),
        ("io.kestra.plugin.notifications.slack.SlackIncomingWebhook", "no plugin of io.kestra.plugin.notifications.slack is installed"),
        ("io.kestra.core.tasks.scripts.Bash", "no plugin of io.kestra.core.tasks.scripts is installed"),
        ("io.kestra.plugin.scripts.r.Script", "did you mean io.kestra.plugin.scripts."),
        ("io.kestra.plugin.core.flow.Foreach", "did you mean io.kestra.plugin.core.flow.ForEach?"),
        ("io.kestra.plugin.core.log.log", "did you mean io.kestra.plugin.core.log.Log?"),
        ("com.example.Unknown", "`kestra-stream plugin list` shows all types"),
    ],
)
def test_a_type_that_is_not_installed_says_what_to_do(name: str, remedy: str) -> None:
    (fault,) = only(f"{HEAD}tasks: [{{id: a, type: {name}}}]\n").faults
    assert fault.message.startswith(f"Invalid type: {name}; ")
    assert remedy in fault.message

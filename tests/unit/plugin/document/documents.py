"""Documents for tests: a head that every flow needs, and what a reader finds in a text."""

from kestra_stream.errors import Fault
from kestra_stream.plugin.flow_source import ParsedFlow, parse_flows

HEAD = "id: f\nnamespace: company.team\n"
TASKS = "tasks:\n  - {id: a, type: io.kestra.plugin.core.log.Log, message: hi}\n"
FLOW = HEAD + TASKS
Found = tuple[int, int, str, str]


def only(text: str) -> ParsedFlow:
    """Parse a text that holds one document."""
    (parsed,) = parse_flows(text, "flow.yaml")
    return parsed


def places(faults: tuple[Fault, ...]) -> list[tuple[int, int, str]]:
    """Line, column and path of each."""
    return [(fault.line, fault.column, fault.path) for fault in faults]


def assert_found(faults: tuple[Fault, ...], *wanted: Found) -> None:
    """Each fault stands where it should, and says what it should; none is missing and none too many."""
    assert places(faults) == [(line, column, path) for line, column, path, _ in wanted], "\n".join(map(str, faults))
    for fault, (_, _, _, words) in zip(faults, wanted, strict=True):
        assert words in fault.message

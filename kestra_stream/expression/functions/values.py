"""Functions on values: numbers, ranges, dates of now, parsing."""

from kestra_stream.expression.filters import dates
from kestra_stream.expression.filters.ion_text import from_ion
from kestra_stream.expression.filters.json_text import from_json
from kestra_stream.expression.filters.yaml_text import from_yaml
from kestra_stream.expression.frame import Frame
from kestra_stream.expression.native import Native, native
from kestra_stream.expression.operators import greater, interval, less


def max_(frame: Frame, *numbers: object) -> object:
    """Give the largest number; null when there is none."""
    best = None
    for number in numbers:
        if best is None or greater(number, best, frame):
            best = number
    return best


def min_(frame: Frame, *numbers: object) -> object:
    """Give the smallest number; null when there is none."""
    best = None
    for number in numbers:
        if best is None or less(number, best, frame):
            best = number
    return best


def range_(frame: Frame, start: object, end: object, step: object = 1) -> list[object]:
    """List ints or letters from start to end, both included."""
    return interval(start, end, frame, step)


def now(
    frame: Frame,
    pattern: str | None = None,
    existing_format: str | None = None,  # noqa: ARG001 - the reference takes it, and has no use for it
    time_zone: str | None = None,
    locale: str | None = None,
) -> str:
    """Print the present moment."""
    return dates.shown(frame.environment.now(), frame, pattern, time_zone, locale)


FUNCTIONS: dict[str, Native] = {
    "max": native(max_, variadic=True),
    "min": native(min_, variadic=True),
    "range": native(range_, "start", "end", "increment"),
    "now": native(now, "format", "existingFormat", "timeZone", "locale"),
    "json": native(from_json, "json"),
    "fromJson": native(from_json, "json"),
    "yaml": native(from_yaml, "yaml"),
    "fromIon": native(from_ion, "ion", "allRows"),
}

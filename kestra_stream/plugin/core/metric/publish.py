"""io.kestra.plugin.core.metric.Publish: give values as metrics."""

from typing import Annotated, Any, ClassVar

from pydantic import Discriminator, Field, Tag, TypeAdapter, ValidationError

from kestra_stream.errors import Invalid
from kestra_stream.models.document_model import Written
from kestra_stream.models.duration import parse_duration
from kestra_stream.models.property import Property
from kestra_stream.models.records import MetricType
from kestra_stream.plugin.api import RunContext, RunnableTask
from kestra_stream.plugin.text import structure


class PublishedMetric(Written):
    """One metric."""

    type: Property[MetricType] = Field(description="counter, timer or gauge.")
    name: Property[str] = Field(description="Its name.")
    value: Any = Field(description="A number; for a timer seconds or a duration.")
    tags: Property[dict[str, str]] = Field(default=Property.of({}, dict[str, str]), description="What tells values of one name apart.")


Metrics = Annotated[
    Annotated[tuple[PublishedMetric, ...], Field(min_length=1), Tag("list")] | Annotated[str, Tag("text")],
    Discriminator(lambda value: "text" if isinstance(value, str) else "list"),
]


class Publish(RunnableTask):
    """Publish counters, timers (a duration or seconds) and gauges."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.metric.Publish"
    examples: ClassVar[tuple[str, ...]] = (
        """
        id: measure
        type: io.kestra.plugin.core.metric.Publish
        metrics:
          - type: counter
            name: rows
            value: "{{ outputs.load.rows }}"
        """,
    )

    metrics: Metrics = Field(description="The metrics: a list, or a template that renders to one.")

    def run(self, context: RunContext) -> None:
        for metric in self.metrics if not isinstance(self.metrics, str) else _parsed(context.render_typed(self.metrics)):
            kind, name = context.render(metric.type), context.render(metric.name)
            value = _number(context.render(metric.value), name)
            tags = context.render(metric.tags)
            match kind:
                case MetricType.COUNTER:
                    context.counter(name, value, **tags)
                case MetricType.TIMER:
                    context.timer(name, value, **tags)
                case MetricType.GAUGE:
                    context.gauge(name, value, **tags)


def _parsed(rendered: object) -> tuple[PublishedMetric, ...]:
    try:
        return TypeAdapter(tuple[PublishedMetric, ...]).validate_python(structure(rendered))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise Invalid(f"metrics: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def _number(value: Any, name: str) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        pass
    try:
        return parse_duration(value).total_seconds()
    except ValueError:
        raise Invalid(f"the value of the metric `{name}` must be a number or a duration, not `{value}`") from None

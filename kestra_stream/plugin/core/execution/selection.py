"""Which executions a task means: the parts of a filter that several tasks share."""

from collections.abc import Iterable
from datetime import UTC, datetime

from pydantic import Field

from kestra_stream.models.document_model import Written
from kestra_stream.models.property import Property
from kestra_stream.plugin.api import RunContext


class FlowSelection(Written):
    """One flow."""

    namespace: str = Field(description="Namespace of the flow.")
    flow_id: str = Field(description="Id of the flow.")


def rendered_date(context: RunContext, date: Property[datetime] | None) -> datetime | None:
    """Render a date; one without a zone is in UTC."""
    moment = context.render(date) if date is not None else None
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment


def names(states: Iterable[object] | None) -> list[str] | None:
    """Return states as a filter takes them; None for no restriction."""
    return [str(state) for state in states] if states is not None else None

"""io.kestra.plugin.core.flow.ForEachItem: an execution of another flow for each batch of rows of a file."""

from functools import cached_property
from typing import Any, ClassVar

from pydantic import Field

from kestra_stream.errors import Invalid
from kestra_stream.models.behaviour import Behaviour, CallFlow, Sequence
from kestra_stream.models.document_model import Written
from kestra_stream.models.property import Property
from kestra_stream.models.task import FlowableTask, Task
from kestra_stream.plugin.api import RunContext, RunnableTask, TaskOutput
from kestra_stream.plugin.core.labels import GivenLabels
from kestra_stream.plugin.core.rows import row_line
from kestra_stream.plugin.core.storage.splitting import Parts, byte_count, rows_of


class Batch(Written):
    """How rows are put together: by bytes, else by number of batches, else by rows."""

    rows: Property[int] | None = Field(default=None, description="Rows in a batch; 1 by default.")
    partitions: Property[int] | None = Field(default=None, description="Number of batches.")
    bytes: Property[str] | None = Field(default=None, description="Most bytes in a batch, as 10MB.")
    separator: Property[str] = Field(default=Property.of("\n"), description="What ends a row.")


class SplitOutput(TaskOutput):
    """URI of a file that lists the batches, how many there are, and where they lie (`base/1.ion`, ...)."""

    splits: str = Field(description="URI of a file that lists the batches.")
    number_of_batches: int = Field(description="How many batches there are.")
    base: str = Field(description="Folder of the batches.")


class SplitBatches(RunnableTask):
    """First part of a ForEachItem: cut the file."""

    items: Property[str]
    batch: Batch

    def run(self, context: RunContext) -> SplitOutput:
        uri = context.render(self.items)
        if not uri.startswith("kestra://"):
            raise Invalid(f"items must be the URI of a file in internal storage, but is `{uri[:200]}`")
        rows = rows_of(context, uri, context.render(self.batch.separator))
        parts = Parts(context, lambda number: f"{number}.ion")
        if self.batch.bytes is not None:
            uris = parts.by_size(rows, byte_count(context.render(self.batch.bytes)))
        elif self.batch.partitions is not None:
            uris = parts.round_robin(rows, max(context.render(self.batch.partitions), 1))
        else:
            uris = parts.by_rows(rows, max(context.render(self.batch.rows) if self.batch.rows is not None else 1, 1))
        listed = context.files.put("".join(f"{one}\n" for one in uris).encode(), "splits.txt")
        return SplitOutput(splits=listed, number_of_batches=len(uris), base=listed.rpartition("/")[0])


class CallBatches(Task):
    """Second part of a ForEachItem: an execution for each batch."""

    call: CallFlow

    def behaviour(self) -> CallFlow:
        return self.call


class MergeOutput(TaskOutput):
    """URI of the rows with the outputs of the executions, in the order of the batches; null when the flow has none."""

    subflow_outputs: str | None = Field(description="URI of a file with a row of flow outputs for each batch; null when the flow has none.")


class MergeOutputs(RunnableTask):
    """Third part of a ForEachItem: put the outputs of all executions into one file."""

    needs_batch_outputs: ClassVar[bool] = True

    def run(self, context: RunContext) -> MergeOutput:
        rows = context.variables.get("subflowOutputs")
        if not rows:
            return MergeOutput(subflow_outputs=None)
        with context.files.writer("outputs.ion") as target:
            for row in rows:
                target.write(row_line(dict(row)))
        return MergeOutput(subflow_outputs=target.uri)


class ForEachItem(FlowableTask):
    """Cut a file of rows into batches and create an execution of a flow for each.

    In `inputs`, `taskrun.items` is the batch's file and `taskrun.iteration` its number, from 1. Its three parts show as
    `<id>_split`, `<id>_items` and `<id>_merge` (output `subflowOutputs`, a file with a row of flow outputs for each batch).
    """

    type_name: ClassVar[str] = "io.kestra.plugin.core.flow.ForEachItem"
    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.flows.ForEachItem",)
    examples: ClassVar[tuple[str, ...]] = (
        """
        id: batches
        type: io.kestra.plugin.core.flow.ForEachItem
        items: "{{ inputs.file }}"
        batch:
          rows: 100
        namespace: company.team
        flowId: one-batch
        inputs:
          rows: "{{ taskrun.items }}"
        """,
    )

    items: Property[str] = Field(description="URI of the file.")
    batch: Batch = Field(default=Batch(), description="How rows are put together.")
    namespace: str = Field(description="Namespace of the flow.")
    flow_id: str = Field(description="Id of the flow.")
    revision: int | None = Field(default=None, ge=1, description="Revision; the newest by default.")
    inputs: dict[str, Any] = Field(default_factory=dict, description="Inputs of each execution.")
    labels: GivenLabels = Field(default=None, description="Labels of each execution.")
    wait: bool = Field(default=True, description="Wait for the end of all.")
    transmit_failed: bool = Field(default=True, description="Take over FAILED, KILLED and WARNING of the executions.")
    inherit_labels: Property[bool] = Field(default=Property.of(raw=False, kind=bool), description="Give each all labels of this execution.")
    schedule_date: str | None = Field(default=None, description="Start them at this date.")

    def behaviour(self) -> Behaviour:
        return Sequence(self._parts)

    @cached_property
    def _parts(self) -> tuple[Task, ...]:
        call = CallFlow(
            namespace=self.namespace,
            flow_id=self.flow_id,
            revision=self.revision,
            inputs=self.inputs,
            labels=self.labels,
            wait=self.wait,
            transmit_failed=self.transmit_failed,
            inherit_labels=self.inherit_labels.raw,
            schedule_date=self.schedule_date,
            batches=f"{self.id}_split",
        )
        split = SplitBatches(id=f"{self.id}_split", type=f"{self.type_name}$Split", items=self.items, batch=self.batch)
        items = CallBatches(id=f"{self.id}_items", type=self.type_name, call=call)
        if not self.wait:
            return (split, items)
        return (split, items, MergeOutputs(id=f"{self.id}_merge", type=f"{self.type_name}$Merge"))

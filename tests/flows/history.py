"""Time travel tells the truth: the fold of all events up to any of them is the state that the engine had after it."""

from datetime import datetime

from kestra_stream.engine.decide import decide
from kestra_stream.engine.state import ExecutionState
from kestra_stream.engine.step import Decision
from kestra_stream.models.execution_input import ExecutionInput
from kestra_stream.queue.memory import MemoryLog
from kestra_stream.runtime.past import read_history


class Notes:
    """The states that the engine had, by execution and number of the last event; of a step that was taken back and done again, the second."""

    def __init__(self) -> None:
        self.states: dict[str, dict[int, ExecutionState]] = {}

    def decide(self, state: ExecutionState, message: ExecutionInput, now: datetime) -> Decision:
        """Decide, and note what came of it."""
        decision = decide(state, message, now)
        self.states.setdefault(decision.state.execution.id, {})[decision.state.sequence] = decision.state
        return decision

    def check(self, log: MemoryLog, now: datetime) -> None:
        """Hold the history that is in the log against what was noted."""
        for execution_id, known in self.states.items():
            history = read_history(log, execution_id, now)
            assert (history.missing, history.repeated) == ((), ())
            for sequence, state in known.items():
                if sequence:
                    folded = history.until(sequence)
                    assert folded.head == state.execution
                    assert {run.id: run for run in folded.listed()} == dict(state.task_runs)

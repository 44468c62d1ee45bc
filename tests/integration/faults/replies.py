"""What executions of the workload wait for, told to each once."""

from tests.integration.faults.engine_client import EngineClient
from tests.integration.faults.record import Story
from tests.integration.faults.workload import ENDINGS


class Replies:
    """Answers executions that ask for something."""

    def __init__(self, client: EngineClient) -> None:
        self._client = client
        self._told: set[tuple[str, str]] = set()

    def answer(self, story: Story) -> None:
        """Send an execution what it waits for, once."""
        head = story.folded.head
        if head is None:
            return
        state = head.state.current
        wanted = ENDINGS[head.flow_id].asks.get(state)
        if wanted is not None and (head.id, state) not in self._told:
            self._told.add((head.id, state))
            self._client.tell(head.id, wanted)

"""Several pauses at once: a resume without a name means the first, in the order of the flow, whoever holds the execution by then."""

import pytest

from kestra_stream.models import execution_input as i
from kestra_stream.testing.driver import Driver, Mischief

NAMES = tuple(f"p{number}" for number in range(6))
FLOW = """
id: main
namespace: t.t
tasks:
  - id: parallel
    type: io.kestra.plugin.core.flow.Parallel
    tasks:
""" + "\n".join(f"      - {{id: {name}, type: io.kestra.plugin.core.flow.Pause}}" for name in NAMES)


@pytest.mark.parametrize("seed", range(4))
def test_the_first_pause_is_resumed_first(seed: int) -> None:
    driver = Driver(FLOW, seed=seed, mischief=Mischief(crash=0.2))
    execution_id = driver.create("main")
    driver.settle()
    for done in range(len(NAMES)):
        story = driver.story(execution_id)
        assert [story.run(name).state.current.value for name in NAMES] == ["SUCCESS"] * done + ["PAUSED"] * (len(NAMES) - done)
        driver.tell(execution_id, i.Resume())
        driver.settle()
    assert driver.story(execution_id).history == ["CREATED", "RUNNING", "PAUSED", "RESTARTED", "RUNNING", "SUCCESS"]

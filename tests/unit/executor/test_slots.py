"""A request for a slot that comes once more, however late, leaks none: who was let in and does not wait for it gives the slot back."""

import pytest

from kestra_stream.engine.limiter import flow_scope
from kestra_stream.limiter.processor import Limiter
from kestra_stream.models.messages import AcquireSlot
from kestra_stream.models.state import S, StateType
from kestra_stream.queue.interface import Outgoing
from kestra_stream.testing.driver import Driver
from kestra_stream.topics import LIMITER_INBOX
from tests.unit.executor.test_recall import LogDriver
from tests.unit.testing.audit import stored

FLOW = """
id: limited
namespace: a.b
concurrency: {limit: 1, behavior: %s}
tasks:
  - {id: work, type: io.kestra.plugin.core.log.Log, message: done}
afterExecution:
  - {id: after, type: io.kestra.plugin.core.log.Log, message: after}
"""
SCOPE = flow_scope("main", "a.b", "limited")


@pytest.mark.parametrize(("behavior", "on_full"), [("QUEUE", S.QUEUED), ("CANCEL", S.CANCELLED), ("FAIL", S.FAILED)])
@pytest.mark.parametrize("repository", [True, False], ids=["known", "let go"])
def test_a_request_of_an_execution_that_has_ended(behavior: str, on_full: StateType, *, repository: bool) -> None:
    driver = Driver(FLOW % behavior) if repository else LogDriver(FLOW % behavior)
    again = Outgoing(LIMITER_INBOX, SCOPE, AcquireSlot(SCOPE, driver.create("limited"), 1, on_full, 1))
    driver.settle()
    for _ in range(2):
        driver.log.send((again,))
        driver.settle()
        following = driver.create("limited")
        driver.settle()
        assert driver.story(following).state == "SUCCESS"
    kept = [part for parts in stored(driver, Limiter).values() for part in parts]
    assert not [part for part in kept if part.startswith(("holder/", "line/"))]

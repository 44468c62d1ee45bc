"""What a look-up finds holds for one evaluation: a loop that polls sees what changes, and nothing is kept."""

from pathlib import Path

import pytest

from kestra_stream.storage.local import LocalStorage
from kestra_stream.testing.driver import Driver, Mischief

FLOW = """
id: main
namespace: t.t
tasks:
  - id: loop
    type: io.kestra.plugin.core.flow.LoopUntil
    condition: "{{ kv('n') >= 3 }}"
    checkFrequency: {interval: PT1S, maxIterations: 9}
    tasks:
      - {id: set, type: io.kestra.plugin.core.kv.Set, key: n, value: "{{ outputs.loop.iterationCount }}"}
"""


@pytest.mark.parametrize("seed", range(10))
def test_each_round_of_a_loop_looks_again(tmp_path: Path, seed: int) -> None:
    driver = Driver(FLOW, storage=LocalStorage(tmp_path), seed=seed, mischief=Mischief(reorder=0.3, double=0.3, crash=0.05))
    story = driver.run("main")
    assert (story.run("loop").outputs or {})["iterationCount"] == 3
    assert story.state == "SUCCESS"

"""How many values a loop goes through is told by the event that begins it, so that whoever follows knows, wherever the engine is."""

from kestra_stream.cli.follow.follower import Follower
from kestra_stream.cli.terminal.picture import family_tree
from kestra_stream.testing.driver import Driver

FLOW = """
id: loop
namespace: tests.loops
tasks:
  - id: each
    type: io.kestra.plugin.core.flow.ForEach
    values: [a, b, c, d]
    concurrencyLimit: 1
    tasks:
      - {id: say, type: io.kestra.plugin.core.debug.Return, format: "{{ taskrun.value }}"}
"""


def test_the_tree_knows_the_size_of_a_loop_while_it_runs_and_at_its_end() -> None:
    driver = Driver(FLOW)
    follower = Follower(driver.log)
    execution_id = driver.create("loop")
    follower.follow(execution_id)
    sizes: list[tuple[int, int]] = []
    while driver.turn():
        follower.catch_up()
        tree = family_tree(follower, execution_id, driver.clock.now(), 100)
        if tree is not None and tree.children:
            sizes.append((tree.children[0].done, tree.children[0].of))
    assert sizes[-1] == (4, 4)
    assert {of for _, of in sizes if of} == {4}
    assert [done for done, _ in sizes] == sorted(done for done, _ in sizes)
    follower.close()

"""What people, workers and machines may do to an execution at any moment, as hypothesis draws it."""

from collections.abc import Callable

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from kestra_stream.models import execution_input as i
from kestra_stream.models.execution import TaskRun
from kestra_stream.models.state import S
from tests.unit.engine import nasty
from tests.unit.engine.laws import ALL
from tests.unit.engine.world import Life, Outcomes, World

QUICK = settings(
    max_examples=40,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
    suppress_health_check=[HealthCheck.too_slow],
)

Deed = Callable[[World, int], object]


def some_run(world: World, number: int) -> TaskRun | None:
    """Some task run of the main execution."""
    runs = sorted(world.lives["e"].runs.values(), key=lambda run: run.id)
    return runs[number % len(runs)] if runs else None


def change_state(world: World, number: int) -> None:
    run = some_run(world, number)
    if run is not None:
        world.deliver("e", i.ChangeTaskRunState(run.id, (S.SUCCESS, S.FAILED, S.WARNING)[number % 3]))


def replay(world: World, number: int) -> None:
    run = some_run(world, number)
    world.deliver("e", i.Replay(f"replay-{len(world.lives)}", run.id if run is not None and number % 4 else None))


def lose_worker(world: World, number: int) -> None:
    if world.held:
        world.lose_worker(number)


def report_again(world: World, number: int) -> None:
    if world.told:
        world.reports.append(world.told[number % len(world.told)])


def restart_executor(world: World, number: int) -> None:
    lives = sorted(world.lives)
    world.restart_executor(lives[number % len(lives)])


ACCIDENTS: dict[str, Deed] = {
    "a worker is lost": lose_worker,
    "a report comes again": report_again,
    "the executor restarts": restart_executor,
}
PEOPLE: dict[str, Deed] = {
    "time passes": lambda world, _: world.fire_next_timer(),
    "kill": lambda world, number: world.deliver("e", i.Kill(cascade=bool(number % 2))),
    "pause": lambda world, _: world.deliver("e", i.Pause()),
    "resume": lambda world, _: world.deliver("e", i.Resume()),
    "restart": lambda world, _: world.deliver("e", i.Restart()),
    "force run": lambda world, _: world.deliver("e", i.ForceRun()),
    "change state": change_state,
    "change status": lambda world, number: world.deliver("e", i.ChangeStatus((S.SUCCESS, S.FAILED)[number % 2])),
    "replay": replay,
}
DEEDS = ACCIDENTS | PEOPLE
Happening = tuple[str, int]


def happenings(deeds: dict[str, Deed], most: int = 60) -> st.SearchStrategy[list[Happening]]:
    """Draw what happens: mostly the next turn of things, sometimes a deed."""
    turn = st.tuples(st.just("turn"), st.integers(0, 10_000))
    deed = st.tuples(st.sampled_from(sorted(deeds)), st.integers(0, 10_000))
    return st.lists(st.one_of(turn, turn, turn, turn, deed), max_size=most)


OUTCOMES = st.fixed_dictionaries(
    {
        "flaky": st.sampled_from([[S.SUCCESS], [S.FAILED], [S.FAILED, S.SUCCESS], [S.FAILED, S.FAILED, S.SUCCESS]]),
        "c1": st.sampled_from([[S.SUCCESS], [S.FAILED], [S.WARNING]]),
        "s1": st.sampled_from([[S.SUCCESS], [S.FAILED]]),
        "e1": st.sampled_from([[S.SUCCESS], [S.SUCCESS], [S.FAILED]]),
    }
)
FLOWS = st.sampled_from(nasty.NAMES)


def begun(flow_id: str, outcomes: Outcomes) -> tuple[World, Life]:
    """A world in which an execution `e` of a nasty flow was just created."""
    world = World(nasty.CHILD, *nasty.OF_ONE, outcomes=outcomes, laws=ALL)
    return world, world.create(flow_id)


def happen(world: World, happened: list[Happening]) -> None:
    """Let all of that happen."""
    for name, number in happened:
        if name == "turn":
            world.turn(number)
        else:
            DEEDS[name](world, number)


def end(world: World) -> None:
    """Let everything come to its end; whoever is paused is resumed."""
    world.settle()
    while paused := [life.head.id for life in world.lives.values() if life.state is not None and life.head.state.current is S.PAUSED]:
        for execution_id in paused:
            world.deliver(execution_id, i.Resume())
        world.settle()

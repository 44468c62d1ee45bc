"""When the next attempt begins, for every policy and history: after the wait that the policy says, counted from the end of the last."""

from datetime import datetime, timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from kestra_stream.models.execution import TaskRun
from kestra_stream.models.retry import ConstantRetry, ExponentialRetry, RandomRetry, RetryPolicy
from kestra_stream.models.state import S
from tests.unit.engine.deeds import QUICK
from tests.unit.engine.laws import ALL
from tests.unit.engine.nasty import LOG
from tests.unit.engine.world import START, World

SECONDS = st.integers(1, 5_000)
MOST = st.none() | st.integers(1, 8)
LONGEST = st.none() | st.integers(5_001, 60_000)
ATTEMPTS = st.integers(1, 2_000)
CHANCE = st.floats(0, 1, exclude_max=True)


def limits(most: int | None, longest: int | None) -> dict[str, object]:
    return {"max_attempts": most, "max_duration": timedelta(seconds=longest) if longest is not None else None}


constants = st.builds(
    lambda wait, most, longest: ConstantRetry(type="constant", interval=timedelta(seconds=wait), **limits(most, longest)),
    SECONDS, MOST, LONGEST,
)  # fmt: skip
exponentials = st.builds(
    lambda wait, more, factor, most, longest: ExponentialRetry(
        type="exponential", interval=timedelta(seconds=wait), max_interval=timedelta(seconds=wait + more), delay_factor=factor,
        **limits(most, longest),
    ),
    SECONDS, SECONDS, st.floats(0.5, 50), MOST, LONGEST,
)  # fmt: skip
randoms = st.builds(
    lambda wait, more, most, longest: RandomRetry(
        type="random", min_interval=timedelta(seconds=wait), max_interval=timedelta(seconds=wait + more), **limits(most, longest),
    ),
    SECONDS, SECONDS, MOST, LONGEST,
)  # fmt: skip
POLICIES = st.one_of(constants, exponentials, randoms)


@given(policy=POLICIES, attempts=ATTEMPTS, chance=CHANCE, spent=st.integers(0, 100_000))
def test_the_next_attempt_is_within_the_limits_or_never(policy: RetryPolicy, attempts: int, chance: float, spent: int) -> None:
    last_end = START + timedelta(seconds=spent)
    moment = policy.next_attempt(attempts, START, last_end, chance)
    is_spent = policy.max_attempts is not None and attempts >= policy.max_attempts
    is_late = policy.max_duration is not None and last_end + policy.delay(attempts, chance) > START + policy.max_duration
    assert (moment is None) is (is_spent or is_late)
    assert moment is None or moment == last_end + policy.delay(attempts, chance)


@given(policy=constants, attempts=ATTEMPTS, chance=CHANCE)
def test_a_constant_wait_is_always_the_same(policy: ConstantRetry, attempts: int, chance: float) -> None:
    assert policy.delay(attempts, chance) == policy.interval


@given(policy=exponentials, attempts=ATTEMPTS, chance=CHANCE)
def test_an_exponential_wait_begins_with_the_interval_and_goes_by_the_factor_up_to_its_most(
    policy: ExponentialRetry, attempts: int, chance: float
) -> None:
    first, now, after = (policy.delay(number, chance) for number in (1, attempts, attempts + 1))
    assert first == policy.interval
    assert max(first, now) <= policy.max_interval
    assert (after >= now) if policy.delay_factor >= 1 else (after <= now)
    if after < policy.max_interval and now > timedelta(seconds=1):
        assert abs(after / now - policy.delay_factor) < 0.01


@given(policy=randoms, attempts=ATTEMPTS, chance=CHANCE)
def test_a_random_wait_is_between_its_bounds(policy: RandomRetry, attempts: int, chance: float) -> None:
    assert policy.min_interval <= policy.delay(attempts, chance) <= policy.max_interval


def written(policy: RetryPolicy) -> str:
    pairs = policy.model_dump(by_alias=True, exclude_none=True, mode="json", exclude={"behavior", "warning_on_retry"})
    return "{" + ", ".join(f"{name}: {value}" for name, value in pairs.items()) + "}"


def dates_of(run: TaskRun) -> list[tuple[datetime, datetime]]:
    return [(attempt.state.histories[0].date, attempt.state.histories[-1].date) for attempt in run.attempts]


@settings(QUICK, max_examples=50)
@given(policy=st.one_of(constants, exponentials, randoms).filter(lambda policy: policy.max_attempts is not None))
def test_the_attempts_of_a_task_keep_the_dates_of_its_policy(policy: RetryPolicy) -> None:
    """No attempt begins before its date or after the longest time, and the limit of attempts is reached where time allows."""
    world = World(f"id: main\nnamespace: t.t\ntasks: [{{id: a, {LOG}, retry: {written(policy)}}}]", outcomes={"a": [S.FAILED]}, laws=ALL)
    life = world.create("main")
    world.settle()
    dates = dates_of(life.run("a"))
    soon = timedelta(seconds=1)
    assert 1 <= len(dates) <= (policy.max_attempts or 0)
    for number, ((_, ended), (began, _)) in enumerate(pairwise(dates), 1):
        least, most = policy.delay(number, 0), policy.delay(number, 1)
        assert least <= began - ended <= most + soon
        assert policy.max_duration is None or began <= dates[0][0] + policy.max_duration + soon
    if policy.max_duration is None:
        assert len(dates) == policy.max_attempts
    elif len(dates) < (policy.max_attempts or 0):
        assert dates[-1][1] + policy.delay(len(dates), 1) > dates[0][0] + policy.max_duration
    assert life.head.state.current is S.FAILED

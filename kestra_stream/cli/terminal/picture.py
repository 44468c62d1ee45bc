"""Picture: a family of executions in, the lines of its tree out: never more than there is room for, and those that matter first."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from kestra_stream.cli.follow.crowd import BAD
from kestra_stream.cli.follow.followed import Branch, Followed, Round
from kestra_stream.cli.follow.follower import Follower
from kestra_stream.models.execution import TaskRun
from kestra_stream.models.state import S, State, StateType

_LONGEST_VALUE = 40
_BAR = 10
_PATIENCE = 100
_NO_ROUND: Round = (None, None)
_MINUTE, _HOUR = 60, 3600


@dataclass(slots=True)
class Node:
    """One line of the tree, with what is below it; `of` is what there is to be done by a loop."""

    name: str
    state: StateType | None = None
    time: str = ""
    done: int = 0
    of: int = 0
    note: str = ""
    children: list["Node"] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Thrift:
    """How much room the tree takes: lines below one node, and whether what ended well is folded into its line."""

    most: int
    folds: bool


_THRIFTS = (Thrift(12, folds=False), Thrift(12, folds=True), Thrift(6, folds=True), Thrift(3, folds=True), Thrift(1, folds=True))


def family_tree(follower: Follower, execution_id: str, now: datetime, most_lines: int) -> Node | None:
    """Return the tree of an execution, pruned until it has at most so many lines (or cannot be pruned any further)."""
    known = follower.executions.get(execution_id)
    if known is None:
        return None
    for thrift in _THRIFTS[:-1]:
        painter = _Painter(follower, now, thrift, most_lines)
        node = painter.execution(known)
        if painter.left >= 0:
            return node
    return _Painter(follower, now, _THRIFTS[-1], most_lines).execution(known)


def guided(node: Node, guide: str = "", below: str = "") -> Iterator[tuple[str, Node]]:
    """Yield the nodes of a tree with the guide that leads to each, from the root on."""
    yield guide, node
    for child in node.children:
        is_last = child is node.children[-1]
        yield from guided(child, below + ("└─ " if is_last else "├─ "), below + ("   " if is_last else "│  "))


def progress(node: Node) -> str:
    """Write how far a loop is, with a bar while it runs."""
    if not node.of:
        return ""
    text = f"{node.done}/{node.of}"
    if node.state is None or node.state.is_terminal:
        return text
    full = _BAR * node.done // node.of
    return f"{'━' * full}{'╌' * (_BAR - full)} {text}"


def elapsed(state: State, now: datetime) -> str:
    """Write how long a state history took, until now if it goes on."""
    return duration_text(((state.end_date or now) - state.start_date).total_seconds())


def duration_text(seconds: float) -> str:
    """Write seconds as people do."""
    if seconds < _MINUTE:
        return f"{max(seconds, 0.0):.2f}s"
    if seconds < _HOUR:
        return f"{int(seconds // _MINUTE)}m {int(seconds % _MINUTE):02}s"
    return f"{int(seconds // _HOUR)}h {int(seconds % _HOUR // _MINUTE):02}m"


def short(text: str, most: int = _LONGEST_VALUE) -> str:
    """Write a text in one line of at most so many letters."""
    text = " ".join(text.split())
    return text if len(text) <= most else f"{text[: most - 1]}…"


class _Painter:
    """Builds the tree of one frame; `left` is how many lines are still free, below zero when there were not enough."""

    def __init__(self, follower: Follower, now: datetime, thrift: Thrift, most_lines: int) -> None:
        self._follower = follower
        self._now = now
        self._thrift = thrift
        self.left = most_lines

    def execution(self, known: Followed, name: str = "") -> Node:
        """Return an execution with its runs; one that was called and ended well is a line."""
        self.left -= 1
        head = known.head
        node = Node(name or f"{head.namespace}.{head.flow_id}", head.state.current, elapsed(head.state, self._now))
        if head.parent_id is not None:
            node.note = f"attempt {head.attempt_number}"
        if name and head.state.is_terminal and head.state.current not in BAD:
            return node
        branch = known.branches.get(None)
        if branch is not None:
            node.children = self._branch(known, branch)
        if not known.runs and head.state.current in BAD:
            node.note = self._follower.reasons.get(head.id, node.note)
        return node

    def _branch(self, known: Followed, branch: Branch) -> list[Node]:
        """Return the rounds of a loop, or simply the runs where there is but one round."""
        if _NO_ROUND in branch.runs:
            return self._runs(known, branch, _NO_ROUND)
        picked = branch.rounds.pick(self._thrift.most)
        return [*self._rest(len(branch.runs) - len(picked)), *(self._round(known, branch, key) for key in picked)]

    def _round(self, known: Followed, branch: Branch, key: Round) -> Node:
        crowd = branch.runs[key]
        if len(crowd.states) == 1:
            return self._run(known, known.runs[next(iter(crowd.states))])
        self.left -= 1
        node = Node(_round_name(key), crowd.state)
        if not self._is_folded(crowd.state):
            node.children = self._runs(known, branch, key)
        return node

    def _runs(self, known: Followed, branch: Branch, key: Round) -> list[Node]:
        crowd = branch.runs[key]
        picked = crowd.pick(4 * self._thrift.most)
        runs = (self._run(known, known.runs[run_id], in_round=key != _NO_ROUND) for run_id in picked)
        return [*self._rest(len(crowd.states) - len(picked)), *runs]

    def _rest(self, count: int) -> list[Node]:
        if count <= 0:
            return []
        self.left -= 1
        return [Node(f"… {count:,} more")]

    def _run(self, known: Followed, run: TaskRun, *, in_round: bool = False) -> Node:
        self.left -= 1
        node = Node(run.task_id if in_round else run_name(run), run.state.current, elapsed(run.state, self._now))
        self._count(known, run, node)
        node.note = self._note(known, run)
        if self._is_folded(run.state.current) or self.left < -_PATIENCE:
            return node
        branch = known.branches.get(run.id)
        if branch is not None:
            node.children = self._branch(known, branch)
        node.children += self._calls(run)
        return node

    def _is_folded(self, state: StateType) -> bool:
        return self._thrift.folds and state.is_terminal and state not in BAD

    def _count(self, known: Followed, run: TaskRun, node: Node) -> None:
        """Tell how far a loop is."""
        branch, calls = known.branches.get(run.id), self._follower.calls.get(run.id)
        batches = (run.outputs or {}).get("numberOfBatches")
        if branch is not None and next(iter(branch.runs), _NO_ROUND)[0] is not None:
            node.done, total = branch.rounds.ended, len(branch.runs)
        elif isinstance(batches, int) and calls is not None:
            node.done, total = calls.ended, batches
        else:
            return
        node.of = known.most[run.id] = max(total, known.most.get(run.id, 0))

    def _note(self, known: Followed, run: TaskRun) -> str:
        notes = []
        if len(run.attempts) > 1:
            notes.append(f"{len(run.attempts)} attempts")
        branch = known.branches.get(run.id)
        value, iteration = next(reversed(branch.runs), _NO_ROUND) if branch is not None else _NO_ROUND
        if value is None and iteration is not None:
            notes.append(f"round {iteration}")
        if run.state.current is S.FAILED and run.id in self._follower.reasons:
            notes.append(short(self._follower.reasons[run.id], 120))
        return ", ".join(notes)

    def _calls(self, run: TaskRun) -> list[Node]:
        calls = self._follower.calls.get(run.id)
        if calls is None:
            return []
        picked = [self._follower.executions[execution_id] for execution_id in calls.pick(self._thrift.most)]
        nodes = self._rest(len(calls.states) - len(picked))
        for child in sorted(picked, key=_number):
            nodes.append(self.execution(child, f"→ {execution_name(child)}"))
        return nodes


def _round_name(key: Round) -> str:
    value, iteration = key
    return short(value) if value is not None else f"round {iteration}"


def run_name(run: TaskRun) -> str:
    """Name a run by its task and the value of the loop that it belongs to."""
    return run.task_id if run.value is None else f"{run.task_id}[{short(run.value)}]"


def execution_name(known: Followed) -> str:
    """Name an execution that another one called: by its flow, and its number among batches."""
    number = _number(known)
    return known.head.flow_id + (f" #{number}" if number else "")


def _number(known: Followed) -> int:
    """Return the number of an execution among batches, 1 for the first; 0 for one that is none of several."""
    trigger = known.head.trigger
    return int(trigger.variables.get("taskRunIteration", 0)) if trigger is not None else 0

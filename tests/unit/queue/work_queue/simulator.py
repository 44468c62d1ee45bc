"""Workers of one group without a broker: the protocol's own parts under a clock, a network and a group that a seed drives.

Each tick of ten milliseconds each worker that is awake goes round once as its threads do: the owner's round, the ear's, the taker's. The
network delays, drops and doubles what is said; workers are killed, frozen, join and leave. Every choice is drawn from the seed.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from random import Random
from threading import Condition

from kestra_stream.models.messages import JobsAnswered, WhoHasJobs, WorkerTalk
from kestra_stream.queue.kafka.work_queue.exchange import EVERYONE, Exchange
from kestra_stream.queue.kafka.work_queue.guests import Guests
from kestra_stream.queue.kafka.work_queue.jobs import HERE, Job, OwnJobs
from kestra_stream.queue.kafka.work_queue.progress import Marks

TICK = 0.01
LEASE, STALE, SESSION, HAND_BACK = 10.0, 3.0, 6.0, 2.0
PARTITIONS = 4


@dataclass
class Network:
    """What happens to a message on its way.

    Attributes:
        delay: seconds that a message needs.
        drops: the kinds that may be lost, and with which probability.
        doubled: probability of a second copy, as late as `latest`.
    """

    delay: float = 0.01
    drops: tuple[type, ...] = ()
    lost: float = 0.0
    doubled: float = 0.0
    late: float = 0.0
    latest: float = 0.0


@dataclass
class Held:
    """A job in a slot: accepted at one moment, ended at another."""

    owner: str
    number: int
    name: tuple[int, int]
    accept_at: float
    end_at: float
    is_accepted: bool = False


@dataclass
class Member:
    """One worker; its clock shows something else than anybody's."""

    name: str
    slots: int
    skew: float
    own: OwnJobs
    guests: Guests
    exchange: Exchange
    mail: list[tuple[float, WorkerTalk]] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)
    partitions: set[int] = field(default_factory=set)
    positions: dict[int, int] = field(default_factory=dict)
    asleep_until: float = 0.0
    is_evicted: bool = False


class Crew:
    """All workers, the topic of their jobs, and who owns which partition."""

    def __init__(self, seed: int, network: Network | None = None) -> None:
        self.random = Random(seed)  # noqa: S311 - a test
        self.now = 0.0
        self.network = network or Network()
        self.members: dict[str, Member] = {}
        self.log: list[list[float]] = [[] for _ in range(PARTITIONS)]
        self.commits: dict[int, tuple[int, str]] = {}
        self.owners: dict[int, str] = {}
        self.accepted: Counter[tuple[int, int]] = Counter()
        self.waits: Counter[tuple[int, int]] = Counter()
        self.worst_wait = 0.0
        self.slow_accepts = 0.05
        self._later: list[tuple[float, Callable[[], None]]] = []
        self._names = 0
        self._moving: set[int] = set()
        self._open: set[tuple[int, int]] = set()

    # -- what a test does ------------------------------------------------------------------------------------------------

    def join(self, slots: int = 4) -> Member:
        """Start a worker."""
        self._names += 1
        name, skew = f"worker-{self._names}", self.random.uniform(0.0, 10_000.0)
        changed, clock = Condition(), lambda: self.now + skew
        own, guests = OwnJobs(changed, clock, LEASE, STALE), Guests(changed, clock, LEASE, 0.25)
        exchange = Exchange(name, own, guests, clock, self._say)
        self.members[name] = member = Member(name, slots, skew, own, guests, exchange)
        self._say(EVERYONE, WhoHasJobs(name))
        self._rebalance()
        return member

    def offer(self, count: int, partition: int | None = None) -> None:
        """Put jobs on the topic."""
        for _ in range(count):
            number = self.random.randrange(PARTITIONS) if partition is None else partition
            self._open.add((number, len(self.log[number])))
            self.log[number].append(self.now)

    def kill(self) -> None:
        """A worker is gone at once; the group notices when its session ends."""
        gone = self.random.choice(list(self.members))
        del self.members[gone]
        self._at(self.now + SESSION, self._rebalance)

    def freeze(self, seconds: float) -> None:
        """A worker does nothing for a while; past its session its partitions go to others, which it does not hear of."""
        member = self.random.choice(list(self.members.values()))
        member.asleep_until = self.now + seconds
        if seconds > SESSION:
            self._at(self.now + SESSION, lambda: self._evict(member))

    def leave(self) -> None:
        """A worker ends as one that got SIGTERM."""
        member = self.random.choice([member for member in self.members.values() if member.asleep_until <= self.now])
        member.held = [held for held in member.held if held.is_accepted]
        member.own.bring_back(HERE)
        member.exchange.leave()
        member.own.retire(frozenset(member.partitions))
        member.slots = 0
        self._at(self.now + HAND_BACK, lambda: self._left(member))

    def run(self, seconds: float) -> None:
        """Let time go by."""
        end = self.now + seconds
        while self.now < end:
            self._tick()

    def run_until_done(self, seconds: float) -> bool:
        """Let time go by until each job was accepted; False when it does not happen."""
        end = self.now + seconds
        while self.now < end and len(self.accepted) < self.offered:
            self._tick()
        return len(self.accepted) >= self.offered

    @property
    def offered(self) -> int:
        """How many jobs there are."""
        return sum(len(jobs) for jobs in self.log)

    @property
    def doubled(self) -> list[tuple[int, int]]:
        """Those that two were told they may run."""
        return [name for name, count in self.accepted.items() if count > 1]

    # -- time ------------------------------------------------------------------------------------------------------------

    def _at(self, moment: float, action: Callable[[], None]) -> None:
        self._later.append((moment, action))

    def _tick(self) -> None:
        self.now += TICK
        due = [action for moment, action in self._later if moment <= self.now]
        self._later = [later for later in self._later if later[0] > self.now]
        for action in due:
            action()
        awake = [member for member in self.members.values() if member.asleep_until <= self.now]
        self.random.shuffle(awake)
        for member in awake:
            steps = [self._owner_round, self._ear_round, self._taker_round]
            self.random.shuffle(steps)
            for step in steps:
                step(member)
        self._measure(awake)

    def _measure(self, awake: Iterable[Member]) -> None:
        is_free = any(member.slots > len(member.held) for member in awake)
        held = {held.name for member in self.members.values() for held in member.held}
        waiting = self._open - held if is_free else set[tuple[int, int]]()
        self.waits = Counter({name: self.waits[name] + 1 for name in waiting})
        self.worst_wait = max(self.worst_wait, max(self.waits.values(), default=0) * TICK)

    # -- the network -----------------------------------------------------------------------------------------------------

    def _say(self, receiver: str, talk: WorkerTalk) -> None:
        for member in self.members.values():
            if receiver not in {EVERYONE, member.name}:
                continue
            network, random = self.network, self.random
            if isinstance(talk, network.drops) and random.random() < network.lost:
                continue
            is_late = not isinstance(talk, JobsAnswered) and random.random() < network.late
            member.mail.append((self.now + (random.uniform(0.0, network.latest) if is_late else network.delay), talk))
            if random.random() < network.doubled:
                member.mail.append((self.now + random.uniform(0.0, network.latest), talk))

    # -- a worker's threads ------------------------------------------------------------------------------------------------

    def _owner_round(self, member: Member) -> None:
        own = member.own
        if member.is_evicted:
            own.drop(frozenset(member.partitions))
            member.partitions.clear()
            member.is_evicted = False
            self._rebalance()
        own.confirm(self.now + member.skew)
        own.bring_back()
        member.exchange.look()
        self._commit(member, own.partitions.due())
        for partition in sorted(member.partitions - self._moving if member.slots else ()):  # who gives one up reads no further
            position = member.positions[partition]
            found = range(position, min(position + 100, len(self.log[partition])))
            member.positions[partition] = found.stop
            own.add([Job(partition, offset, 0, b"", b"", ()) for offset in found])

    def _ear_round(self, member: Member) -> None:
        due = [talk for moment, talk in member.mail if moment <= self.now]
        member.mail = [mail for mail in member.mail if mail[0] > self.now]
        for talk in due:
            member.exchange.hear(talk)
        member.own.answers_until = self.now + member.skew
        member.exchange.tidy()
        member.exchange.ask()

    def _taker_round(self, member: Member) -> None:
        for held in member.held:
            if not held.is_accepted and held.accept_at <= self.now:
                held.is_accepted = True
                if not self._accept(member, held):
                    held.end_at = self.now
        member.held = [held for held in member.held if not held.is_accepted or held.end_at > self.now]
        member.exchange.asking = 0
        for owner, number, job in self._take(member, member.slots - len(member.held)):
            accept_at = self.now + self.random.uniform(0.0, self.slow_accepts)
            end_at = accept_at + self.random.uniform(0.0, 0.2)
            member.held.append(Held(owner, number, (job.partition, job.offset), accept_at, end_at))
        member.exchange.asking = max(member.slots - len(member.held), 0)

    def _take(self, member: Member, count: int) -> list[tuple[str, int, Job]]:
        guests = [(guest.owner, guest.number, guest.job) for guest in member.guests.hand_out(count)]
        own = member.own.hand_out(count - len(guests), HERE)
        return guests + [(HERE, grant.number, grant.job) for grant in own]

    def _accept(self, member: Member, held: Held) -> bool:
        if held.owner == HERE:
            taken = member.own.accept(held.number, HERE)
        else:
            taken = member.guests.end(held.owner, held.number)
            if taken:
                self._say(held.owner, JobsAnswered(member.name, accepted=(held.number,)))
        if taken:
            self.accepted[held.name] += 1
            self._open.discard(held.name)
        return taken

    # -- the group -------------------------------------------------------------------------------------------------------

    def _commit(self, member: Member, progress: dict[int, tuple[int, Marks]]) -> None:
        for partition, (offset, marks) in progress.items():
            if self.owners.get(partition) == member.name:
                self.commits[partition] = (offset, marks.text())

    def _evict(self, member: Member) -> None:
        if member.asleep_until > self.now and member.name in self.members:
            member.is_evicted = True
            self._rebalance()

    def _left(self, member: Member) -> None:
        if member.name in self.members:
            self._give_up(member, member.partitions)
            del self.members[member.name]
            self._rebalance()

    def _give_up(self, member: Member, partitions: Iterable[int]) -> None:
        numbers = frozenset(partitions)
        self._commit(member, member.own.partitions.of(numbers))
        member.own.drop(numbers)
        member.partitions -= numbers

    def _rebalance(self) -> None:
        """Spread the partitions over those that live; who loses one hands it back as it does on a broker."""
        living = [member for member in self.members.values() if not member.is_evicted and member.slots]
        for partition in range(PARTITIONS if living else 0):
            heir = living[partition % len(living)]
            last = self.members.get(self.owners.get(partition, ""))
            if last is heir:
                continue
            if last is None or last.is_evicted:
                self._assign(partition, heir)
            elif last.slots and last.asleep_until <= self.now and partition not in self._moving:
                self._moving.add(partition)
                last.own.retire(frozenset({partition}))
                self._at(self.now + HAND_BACK, partial(self._move, partition, last))

    def _move(self, partition: int, last: Member) -> None:
        self._moving.discard(partition)
        if partition in last.partitions and last.name in self.members:
            self._give_up(last, [partition])
            del self.owners[partition]
        if partition not in self.owners:
            self._rebalance()

    def _assign(self, partition: int, heir: Member) -> None:
        offset, text = self.commits.get(partition, (0, ""))
        self.owners[partition] = heir.name
        heir.partitions.add(partition)
        heir.positions[partition] = offset
        heir.own.partitions.assign(partition, offset, Marks.of(text))

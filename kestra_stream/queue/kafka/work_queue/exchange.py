"""How jobs get from an owner without a free slot to a worker that has one (promise 4).

    owner                                   another worker of the group
    jobs wait, no slot is free
      ── JobsWait (to all) ──────────────>  remembers the owner
                                            a taker waits, nothing of its own is there
      <───────────────────────────── Bid ── (slots)
      ── HandOver (one a job) ───────────>  the taker gets it as if it were its own
      ── NoMoreJobs (fewer than bid) ────>  forgets the owner
      <──────────────────── JobsAnswered ── accepted, released, untouched

The owner keeps the job and its offset until the answer comes or the lease ends: what is said here may be lost, late or doubled, and
nothing depends on it but time. While no owner is out of slots nothing is said at all. A lease counts from the bid, by the clock of the one
who bid: a job that was long on its way can be accepted no longer than its owner waits for the answer.
"""

from collections.abc import Callable
from threading import Condition
from typing import Protocol, assert_never

from kestra_stream.models.messages import Bid, HandOver, JobsAnswered, JobsWait, NoMoreJobs, WhoHasJobs, WorkerTalk
from kestra_stream.queue.kafka.work_queue.guests import Guest, Guests
from kestra_stream.queue.kafka.work_queue.jobs import Grant, Job, OwnJobs

EVERYONE = "*"
_CALL_AGAIN = 1.0
_GRACE = 0.002
_BID_ENDS = 1.0


class Say(Protocol):
    """Sends something to a worker, or to EVERYONE of the group."""

    def __call__(self, receiver: str, talk: WorkerTalk) -> None:
        """Send; a message that does not arrive is sent again by whoever needs the answer."""
        ...


class Exchange:
    """Both sides of the hand-over, for one worker.

    Attributes:
        asking: how many jobs takers of this process wait for, right now.

    Args:
        member: name of this worker, unique.
    """

    def __init__(
        self,
        member: str,
        own: OwnJobs,
        guests: Guests,
        monotonic: Callable[[], float],
        say: Say,
    ) -> None:
        self.asking = 0
        self._member = member
        self._changed: Condition = own.changed
        self._own = own
        self._guests = guests
        self._monotonic = monotonic
        self._say = say
        self._surplus_since: float | None = None
        self._called_at = float("-inf")
        self._callers: dict[str, None] = {}
        self._bids: dict[str, tuple[int, float]] = {}
        self._is_leaving = False

    # -- as an owner -----------------------------------------------------------------------------------------------------

    @property
    def surplus(self) -> int:
        """How many jobs wait that no taker of this process asks for."""
        return max(self._own.waiting - self.asking, 0)

    def look(self) -> float | None:
        """Call for help when jobs wait for too long; return in how many seconds to look again, None when there is no need to."""
        now = self._monotonic()
        with self._changed:
            if not self.surplus or self._own.is_stale:
                self._surplus_since = None
                return None
            if self._surplus_since is None:
                self._surplus_since = now
                self._called_at = float("-inf")
            wait = max(self._surplus_since + _GRACE, self._called_at + _CALL_AGAIN) - now
            if wait > 0:
                return wait
            self._called_at = now
        self._say(EVERYONE, JobsWait(self._member))
        return _CALL_AGAIN

    def _hand_over(self, bid: Bid) -> None:
        with self._changed:
            grants = self._own.hand_out(min(bid.slots, self.surplus), bid.worker)
            if len(grants) < bid.slots:
                self._surplus_since = None  # this worker forgets the last call: what waits next is worth a new one at once
        for grant in grants:
            self._say(bid.worker, _handed_over(self._member, grant, bid.at))
        if len(grants) < bid.slots:
            self._say(bid.worker, NoMoreJobs(self._member))

    def _settle(self, answer: JobsAnswered) -> None:
        with self._changed:
            for number in answer.accepted:
                self._own.accept(number, answer.worker)
            for number in answer.released:
                self._own.give_back(number, answer.worker)
            for number in answer.untouched:
                self._own.give_back(number, answer.worker, untouched=True)

    # -- as a worker with free slots ---------------------------------------------------------------------------------------

    def ask(self) -> None:
        """Bid for jobs of an owner that has called, when takers wait and nothing is on its way to them.

        An owner that does not answer is forgotten: it may be dead, and one that lives calls again.
        """
        now = self._monotonic()
        with self._changed:
            if self._is_leaving:
                return
            for owner in [owner for owner, (_, since) in self._bids.items() if now - since > _BID_ENDS]:
                del self._bids[owner]
                self._callers.pop(owner, None)
            free = self.asking - self._guests.waiting - sum(slots for slots, _ in self._bids.values())
            callers = [caller for caller in self._callers if caller not in self._bids]
            if free <= 0 or not callers:
                return
            owner = callers[0]
            self._callers[owner] = self._callers.pop(owner)  # the next bid goes to another one
            self._bids[owner] = (free, now)
        self._say(owner, Bid(self._member, free, now))

    @property
    def is_bidding(self) -> bool:
        """Whether jobs may be on their way here."""
        return any(self._monotonic() - since <= _BID_ENDS for _, since in self._bids.values())

    def leave(self) -> None:
        """Bid no more; send home what is here, and from now on what still comes."""
        with self._changed:
            self._is_leaving = True
        self.tidy()

    def tidy(self) -> None:
        """Send jobs home that no taker wants after all; of a worker that leaves all of them."""
        homeward: dict[str, list[tuple[Guest, bool]]] = {}
        for guest, untouched in self._guests.send_home(everything=self._is_leaving):
            homeward.setdefault(guest.owner, []).append((guest, untouched))
        for owner, guests in homeward.items():
            untaken = tuple(guest.number for guest, untouched in guests if untouched)
            released = tuple(guest.number for guest, untouched in guests if not untouched)
            self._say(owner, JobsAnswered(self._member, released=released, untouched=untaken))

    def _one_came(self, owner: str) -> None:
        slots, since = self._bids.pop(owner, (0, 0.0))
        if slots > 1:
            self._bids[owner] = (slots - 1, since)
        self._changed.notify_all()

    # -- both --------------------------------------------------------------------------------------------------------------

    def hear(self, talk: WorkerTalk) -> None:
        """Take in what another worker says."""
        match talk:
            case JobsWait(owner=owner):
                if owner != self._member:
                    with self._changed:
                        self._callers.setdefault(owner)
                    self.ask()
            case WhoHasJobs(worker=worker):
                if worker != self._member and self.surplus:
                    self._say(worker, JobsWait(self._member))
            case Bid():
                self._hand_over(talk)
            case HandOver():
                with self._changed:
                    self._one_came(talk.owner)
                    self._guests.welcome(talk.owner, talk.number, _job(talk), talk.bid_at)
                if self._is_leaving:
                    self.tidy()
            case NoMoreJobs(owner=owner):
                with self._changed:
                    self._bids.pop(owner, None)
                    self._callers.pop(owner, None)
                    self._changed.notify_all()
                self.ask()
            case JobsAnswered():
                self._settle(talk)
            case _:
                assert_never(talk)


def _handed_over(owner: str, grant: Grant, bid_at: float | None) -> HandOver:
    job = grant.job
    headers = tuple(job.headers)
    return HandOver(owner, grant.number, job.partition, job.offset, job.deliveries, job.timestamp, job.payload, job.key, headers, bid_at)


def _job(talk: HandOver) -> Job:
    return Job(talk.partition, talk.offset, talk.timestamp, talk.payload, talk.key, talk.headers, talk.deliveries)

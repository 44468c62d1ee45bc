"""State on a compacted topic beside the input: changes in, records out; at an assignment the records back in, the state out.

key     LENGTH-OF-OWNER.OWNER/PART, so that no two parts share one
value   the part as JSON; none, a tombstone, once it is dropped
where   the partition of the same number as the owner's input
"""

import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from kestra_stream.errors import Invalid, Unavailable
from kestra_stream.queue.interface import ALL_PARTS, State, StateChange
from kestra_stream.queue.kafka.cluster import Cluster
from kestra_stream.queue.kafka.encoding import Encoded
from kestra_stream.queue.kafka.partitioner import partition_of
from kestra_stream.queue.kafka.state.local_copy import Change, LocalCopy
from kestra_stream.queue.kafka.state.part_names import PartNames
from kestra_stream.queue.kafka.state.parts import PartReader, StateOnDisk, key_of
from kestra_stream.queue.kafka.state.replay import Contents, GivenUp, Replay
from kestra_stream.queue.serde import HEADERS, to_bytes
from kestra_stream.topics import Topic

logger = logging.getLogger(__name__)

_CHECKPOINT_EVERY = 10.0
_ANSWER = 5.0


class Changelog:
    """The state of one group, as far as it lives beside the partitions of one member. Not thread-safe.

    Args:
        topic: what it is logged on, with the types of the parts.
        folder: where copies of it lie on disk; None to hand it to the listener as a whole, and remember only which parts there are.
    """

    def __init__(self, cluster: Cluster, topic: Topic, name: str, folder: Path | None = None) -> None:
        self._cluster = cluster
        self._name = name
        self._reader = PartReader(topic, name)
        self._folder = folder
        self._copies: dict[int, LocalCopy | PartNames] = {}
        self._next_checkpoint = 0.0

    # -- changes -------------------------------------------------------------------------------------------------------

    def stage(self, changes: Iterable[StateChange]) -> list[Encoded]:
        """Return the records of changes, the newest of each part; they count once `keep` was called.

        Raises:
            Unavailable: the disk with the local copy is full.
            Invalid: a value can not be written.
        """
        drafts: dict[str, dict[str, Any]] = {}
        numbers: dict[str, int] = {}
        count = self._cluster.partitions(self._name)
        for owner, part, value in changes:
            draft = drafts.get(owner)
            if draft is None:
                draft = drafts[owner] = {}
                numbers[owner] = partition_of(owner.encode(), count)
            if value is None and part == ALL_PARTS:
                draft.update(dict.fromkeys((*draft, *self._copy(numbers[owner]).names(owner))))
            else:
                draft[part] = value
        records: list[Encoded] = []
        for owner, draft in drafts.items():
            staged: list[Change] = [(owner, part, None if value is None else to_bytes(value)) for part, value in draft.items()]
            self._copy(numbers[owner]).stage(staged)
            prefix = key_of(owner, "")
            fitting = self._cluster.encoding.fitting
            records.extend(
                fitting(Encoded(self._name, prefix + part.encode(), content, HEADERS, numbers[owner])) for _, part, content in staged
            )
        return records

    def keep(self, ends: Mapping[int, int]) -> None:
        """What was staged is committed; `ends` is what `before_commit` told.

        Raises:
            Unavailable: the disk with the local copy is full.
        """
        for number, copy in self._copies.items():
            copy.keep(ends.get(number))

    def drop(self) -> None:
        """What was staged will not be committed."""
        for copy in self._copies.values():
            copy.drop()

    def before_commit(self) -> Mapping[int, int]:
        """Return, from time to time, how far the topic goes: if the commit succeeds, nobody but this member has written up to there."""
        if self._folder is None or time.monotonic() < self._next_checkpoint:
            return {}
        self._next_checkpoint = time.monotonic() + _CHECKPOINT_EVERY
        try:
            places = [(self._name, number) for number, copy in self._copies.items() if isinstance(copy, LocalCopy)]
            return {number: end for (_, number), end in self._cluster.ends(places).items()}
        except Unavailable:
            return {}  # a checkpoint can wait

    @property
    def is_damaged(self) -> bool:
        """Whether a copy cannot be read any more."""
        return any(copy.is_damaged for copy in self._copies.values())

    def _copy(self, number: int) -> LocalCopy | PartNames:
        """Return the copy of a partition; one that was not restored here is none to go on from."""
        copy = self._copies.get(number)
        if copy is None:
            copy = self._copies[number] = PartNames()
        return copy

    def _opened(self, number: int, end: int) -> LocalCopy | PartNames:
        if self._folder is None:
            return PartNames()
        topic = self._cluster.identity(self._name)
        copy = LocalCopy(self._folder, self._name, number, topic)
        if copy.position > end:
            logger.warning("%s/%d has lost what a local copy has: the copy is made anew", self._name, number)
            copy.is_damaged = True
            copy.close()
            copy = LocalCopy(self._folder, self._name, number, topic)
        return copy

    # -- rebalance -----------------------------------------------------------------------------------------------------

    def forget(self, numbers: Iterable[int]) -> None:
        """Partitions went."""
        for number in numbers:
            copy = self._copies.pop(number, None)
            if copy is not None:
                copy.close()

    def close(self) -> None:
        """Let go of everything."""
        self.forget(tuple(self._copies))

    def restore(self, numbers: Collection[int], stalled: Callable[[], None], given_up: Callable[[], bool]) -> State:
        """Read the state beside partitions from the broker, up to the end as it is now.

        Args:
            numbers: of the partitions.
            stalled: called once when a transaction of a dead process keeps the end back.
            given_up: whether somebody waits for this to end.

        Raises:
            GivenUp: it was ended; nothing of it counts.
            Unavailable: the broker does not give it, or the disk cannot keep the copy.
        """
        began = time.monotonic()
        self.forget(numbers)
        self._check_size(numbers)
        found = self._cluster.ends(((self._name, number) for number in numbers), given_up)
        ends = {number: end for (_, number), end in found.items()}
        for number, end in ends.items():
            self._copies[number] = self._opened(number, end)
        places = {number: self._copies[number].position for number in ends}
        replay = Replay(self._cluster, self._reader, places, ends, given_up)
        batches = replay.batches(stalled)
        state = self._restored_to_memory(ends, batches, given_up) if self._folder is None else self._restored_to_disk(ends, batches)
        told = "%s: the state beside partitions %s is restored: %d records in %.1f s"
        logger.info(told, self._name, ", ".join(map(str, sorted(numbers))), replay.records, time.monotonic() - began)
        return state

    def _check_size(self, numbers: Collection[int]) -> None:
        """Refuse partitions of an input that was given more of them in place, which its state has not."""
        try:
            if max(numbers) < self._cluster.partitions(self._name):
                return
        except Invalid as error:
            raise Unavailable(str(error)) from error  # it was deleted; somebody may make it again
        count = self._cluster.size_now(self._name, _ANSWER)
        if 0 < count <= max(numbers):
            raise Unavailable(
                f"{self._name} has {count} partitions, and the topic whose state it keeps was given more: nothing goes on before it has as "
                "many; add them with the broker's tools, start nothing new, and go on under another kestra.kafka.defaults.topic-prefix"
            )

    def _restored_to_disk(self, ends: Mapping[int, int], batches: Iterable[tuple[int, Contents]]) -> State:
        for number, changes in batches:
            self._copies[number].stage([(owner, part, content) for (owner, part), content in changes.items()])
            self._copies[number].keep()  # to read it once more from the checkpoint on does no harm
        for number, end in ends.items():
            self._copies[number].keep(end)
        return {
            number: StateOnDisk(copy, self._reader)
            for number, copy in self._copies.items()
            if number in ends and isinstance(copy, LocalCopy)
        }

    def _restored_to_memory(self, ends: Mapping[int, int], batches: Iterable[tuple[int, Contents]], given_up: Callable[[], bool]) -> State:
        found: dict[int, dict[tuple[str, str], bytes]] = {number: {} for number in ends}
        for number, changes in batches:
            newest = found[number]
            for names, content in changes.items():
                if content is None:
                    newest.pop(names, None)
                else:
                    newest[names] = content
        state: dict[int, dict[str, dict[str, Any]]] = {number: {} for number in ends}
        for number, newest in found.items():
            if given_up():
                raise GivenUp(f"the state on {self._name} is not taken over, since this process ends")
            owners = state[number]
            for (owner, part), content in newest.items():
                for value in self._reader.value(owner, part, content):
                    owners.setdefault(owner, {})[part] = value
            self._copies[number] = PartNames(newest)
        return state

"""State on a compacted topic beside the input: changes in, records out; at an assignment the records back in, the state out.

key     LENGTH-OF-OWNER.OWNER/PART, so that no two parts share one
value   the part as JSON; none, a tombstone, once it is dropped
where   the partition of the same number as the owner's input
"""

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition

from kestra_stream.errors import InvalidUri, NotFound, Unavailable
from kestra_stream.queue.interface import ALL_PARTS, State, StateChange
from kestra_stream.queue.kafka.cluster import Cluster
from kestra_stream.queue.kafka.encoding import Encoded
from kestra_stream.queue.kafka.errors import ended, told
from kestra_stream.queue.kafka.partitioner import partition_of
from kestra_stream.queue.kafka.reader import at_once
from kestra_stream.queue.kafka.state.local_copy import Change, LocalCopy
from kestra_stream.queue.kafka.state.part_names import PartNames
from kestra_stream.queue.kafka.state.parts import PartReader, StateOnDisk, key_of, parse_key
from kestra_stream.queue.serde import HEADERS, to_bytes
from kestra_stream.topics import Topic

logger = logging.getLogger("kestra_stream.kafka.client")

_BATCH = 10_000
_SLICE = 0.2
_STALLED = 0.4
_PATIENCE = 60.0
_CHECKPOINT_EVERY = 10.0


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
        for owner, part, value in ((change.owner, change.part, change.value) for change in changes):
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
            return {number: end for (_, number), end in self._cluster.ends((self._name, number) for number in self._copies).items()}
        except Unavailable:
            return {}  # a checkpoint can wait

    @property
    def is_damaged(self) -> bool:
        """Whether a copy cannot be read any more."""
        return any(copy.is_damaged for copy in self._copies.values())

    def _copy(self, number: int) -> LocalCopy | PartNames:
        copy = self._copies.get(number)
        if copy is None:
            copy = self._copies[number] = self._open(number)
        return copy

    def _open(self, number: int) -> LocalCopy | PartNames:
        if self._folder is None:
            return PartNames()
        return LocalCopy(self._folder, self._name, number, self._cluster.identity(self._name))

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

    def restore(self, numbers: Sequence[int], stalled: Callable[[], None]) -> State:
        """Read the state beside partitions from the broker, up to the end as it is now.

        Args:
            numbers: of the partitions.
            stalled: called once when a transaction of a dead process keeps the end back.

        Raises:
            Unavailable: the broker does not give it, or the disk cannot keep the copy.
        """
        self.forget(numbers)
        ends = {number: end for (_, number), end in self._cluster.ends((self._name, number) for number in numbers).items()}
        for number in numbers:
            self._copies[number] = self._open(number)
        if self._folder is None:
            return self._restored_to_memory(ends, stalled)
        self._read(ends, stalled, self._stage_batch)
        for number, end in ends.items():
            self._copies[number].keep(end)
        return {
            number: StateOnDisk(copy, self._reader)
            for number, copy in self._copies.items()
            if number in ends and isinstance(copy, LocalCopy)
        }

    def _restored_to_memory(self, ends: Mapping[int, int], stalled: Callable[[], None]) -> State:
        found: dict[int, dict[bytes, bytes]] = {number: {} for number in ends}

        def take(number: int, changes: Mapping[bytes, bytes | None]) -> None:
            newest = found[number]
            for key, content in changes.items():
                if content is None:
                    newest.pop(key, None)
                else:
                    newest[key] = content

        self._read(ends, stalled, take)
        state: dict[int, dict[str, dict[str, Any]]] = {number: {} for number in ends}
        for number, records in found.items():
            for owner, part, value in self._reader.values(records.items()):
                state[number].setdefault(owner, {})[part] = value
            names = self._copies[number]
            names.stage([(owner, part, b"") for owner, parts in state[number].items() for part in parts])
            names.keep()
        return state

    def _stage_batch(self, number: int, changes: Mapping[bytes, bytes | None]) -> None:
        keys = ((parse_key(key), content) for key, content in changes.items())
        self._copies[number].stage([(*names, content) for names, content in keys if names is not None])

    def _read(
        self, ends: Mapping[int, int], stalled: Callable[[], None], take: Callable[[int, Mapping[bytes, bytes | None]], None]
    ) -> None:
        """Read partitions up to their ends, from where their copies are complete; hand on the newest content of each key, by batches."""
        left = {number: end for number, end in ends.items() if end > self._copies[number].position}
        if not left:
            return
        configuration = self._cluster.connection.consumer(f"restore-{uuid4().hex}", **{"enable.partition.eof": True})
        consumer = Consumer(configuration, logger=logger)
        try:
            places = {number: self._copies[number].position or OFFSET_BEGINNING for number in left}
            consumer.assign([TopicPartition(self._name, number, place) for number, place in places.items()])
            moved, is_stalled = time.monotonic(), False
            while left:
                messages = at_once(consumer, _BATCH, _SLICE)
                changes = self._changes(messages, left)
                for number, batch in changes.items():
                    take(number, batch)
                if changes:
                    moved = time.monotonic()
                elif time.monotonic() - moved > _STALLED and not is_stalled:
                    is_stalled = True
                    stalled()
                if time.monotonic() - moved > _PATIENCE or self._cluster.closed.is_set():
                    raise Unavailable(f"the state on {self._name} can not be read to its end")
        except KafkaException as error:
            raise told(error.args[0], f"the state on {self._name} can not be read") from error
        finally:
            consumer.close()

    def _content(self, message: Any) -> bytes | None:
        """Return what a part holds; nothing when it lay in the storage and is gone."""
        try:
            content, headers = self._cluster.encoding.content(message)
        except (NotFound, InvalidUri) as error:
            logger.error("%s holds the part %r, whose value lay in the storage and is not there: %s", self._name, message.key(), error)  # noqa: TRY400
            return None
        self._reader.check(headers)
        return content

    def _changes(self, messages: Sequence[Any], left: dict[int, int]) -> dict[int, dict[bytes, bytes | None]]:
        """Return the contents of messages. The end of a partition is told with the place that it stands at."""
        found: dict[int, dict[bytes, bytes | None]] = {}
        for message in messages:
            number, error = message.partition(), message.error()
            if error is None:
                changes, key = found.setdefault(number, {}), message.key() or b""
                if self._reader.is_ours(key):
                    changes[key] = self._content(message)
            elif (trouble := ended(error, f"the state on {self._name} can not be read")) is not None:
                raise trouble
            if number in left and message.offset() is not None and message.offset() + (error is None) >= left[number]:
                del left[number]
        return found

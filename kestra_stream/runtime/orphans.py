"""Files in the storage that nothing names any more: found by their age, told apart by the log, deleted.

Where they come from:
    _outputs/{name}.json    a big value of an attempt whose result never came, came too late or was replaced; written after a purge
    _messages/{topic}/...   a record that was too big for a message, and whose transaction was aborted or whose topic forgot it
    (hidden)                a put that was cut off with its process: parts of an upload, a part of a file

What is named by any record that the log still keeps stays: history, state, jobs, results that nobody has read yet, dead letters. A big
value goes only when the log also knows its execution from its first event on; what an execution that the log has forgotten still
needs, the repository may know.
"""

import re
from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from itertools import islice

from kestra_stream.errors import InvalidUri
from kestra_stream.models.execution_event import ExecutionEvent
from kestra_stream.models.messages import DeadLetter
from kestra_stream.queue.interface import Log, Record, Unreadable
from kestra_stream.queue.serde import to_bytes
from kestra_stream.runtime.claim_check import FOLDER as OUTPUTS
from kestra_stream.runtime.oversize import FOLDER as MESSAGES
from kestra_stream.runtime.oversize import TENANT as ENGINE
from kestra_stream.storage.interface import LeavesUnfinished, Storage
from kestra_stream.storage.uri import check_tenant, parse
from kestra_stream.topics import TOPICS, WORKER_JOB, Topic

_NAME = re.compile(rb"[0-9a-f]{32}\.json")
_NAME_SIZE = 32 + len(".json")
_AT_ONCE = 200_000


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep has deleted: big values, big records, leftovers of puts, and the bytes of the first two."""

    outputs: int = 0
    messages: int = 0
    unfinished: int = 0
    size: int = 0


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A file that is old enough: a big value of an execution, or a big record of a topic."""

    tenant: str
    uri: str
    size: int
    execution_id: str | None = None
    topic: Topic | None = None


@dataclass(slots=True)
class _Evidence:
    """What the log says of the candidates, and of the executions that are `asked` for; those that it names are taken out of `unnamed`."""

    unnamed: dict[bytes, _Candidate]
    asked: frozenset[str]
    known_from_the_start: set[str] = field(default_factory=set)
    shows_claims: bool = True
    pieces: dict[tuple[str, int, int], dict[int, str]] = field(default_factory=dict[tuple[str, int, int], dict[int, str]])


class OrphanSweep:
    """Deletes what nothing names any more. Any number of processes may sweep at a time.

    Args:
        log: all of whose topics are read.
        storage: what is swept.
        tenants: whose files, as of each sweep.
    """

    def __init__(self, log: Log, storage: Storage, tenants: Callable[[], Iterable[str]] = lambda: ("main",)) -> None:
        self._log = log
        self._storage = storage
        self._tenants = tenants
        self._stopped = False

    def stop(self) -> None:
        """End the sweep that is under way, and every later one, before its next deletion; from any thread."""
        self._stopped = True

    def run(self, before: datetime, *, dry: bool = False) -> Swept:
        """Delete what was written before a moment and is named nowhere; with `dry` only count it.

        The moment must be so long ago that the result of every attempt that ended before is in the log by now.

        Raises:
            Unavailable: the storage or the log does not answer.
        """
        outputs = messages = size = 0
        candidates = self._candidates(before)
        while not self._stopped and (some := list(islice(candidates, _AT_ONCE))):
            for orphan in self._unnamed(some):
                if self._stopped:
                    break
                outputs += orphan.execution_id is not None
                messages += orphan.execution_id is None
                size += orphan.size
                if not dry:
                    self._storage.delete(orphan.tenant, orphan.uri)
        unfinished = 0
        if not (dry or self._stopped) and isinstance(self._storage, LeavesUnfinished):
            unfinished = self._storage.remove_unfinished(before)
        return Swept(outputs, messages, unfinished, size)

    def _candidates(self, before: datetime) -> Iterator[_Candidate]:
        for tenant in filter(_may_have_files, sorted(self._tenants())):
            for found in self._storage.list(tenant, "kestra:///", recursive=True):
                names = parse(found.uri).names
                if found.modified_at < before and len(names) > 1 and names[-2] == OUTPUTS and "executions" in names:
                    execution_id = names[names.index("executions") + 1]
                    yield _Candidate(tenant, found.uri, found.size, execution_id)
        for found in self._storage.list(ENGINE, MESSAGES, recursive=True):
            topic = _topic_named(parse(found.uri).names[1])
            if found.modified_at < before and topic is not None:
                yield _Candidate(ENGINE, found.uri, found.size, topic=topic)

    def _unnamed(self, candidates: Sequence[_Candidate]) -> Iterator[_Candidate]:
        """Read the whole log, topics of worker groups with big records too; yield those of the candidates that no record names."""
        others = {candidate.topic for candidate in candidates if candidate.topic is not None} - set(TOPICS)
        asked = frozenset(candidate.execution_id for candidate in candidates if candidate.execution_id is not None)
        evidence = _Evidence({candidate.uri[-_NAME_SIZE:].encode(): candidate for candidate in candidates}, asked)
        reader = self._log.reader((*TOPICS, *others))
        try:
            for records in reader.catch_up():
                if self._stopped:
                    return
                for record in records:
                    _weigh(evidence, record)
        finally:
            reader.close()
        for candidate in evidence.unnamed.values():
            if candidate.execution_id is None:
                if evidence.shows_claims:
                    yield candidate
            elif candidate.execution_id in evidence.known_from_the_start:
                yield candidate


def _may_have_files(tenant: str) -> bool:
    """Whether a tenant's name is one: a flow may come from anybody."""
    try:
        return bool(check_tenant(tenant))
    except InvalidUri:
        return False


@cache
def _topic_named(name: str) -> Topic | None:
    """Find a topic, or make that of a worker group's jobs."""
    if name.startswith(f"{WORKER_JOB.name}."):
        return replace(WORKER_JOB, name=name)
    return next((topic for topic in TOPICS if topic.name == name), None)


def _weigh(evidence: _Evidence, record: Record) -> None:
    """Take what a record names out of what is unnamed."""
    if record.value is None:
        return
    if isinstance(record.value, ExecutionEvent) and record.value.sequence == 1 and record.value.execution_id in evidence.asked:
        evidence.known_from_the_start.add(record.value.execution_id)
    if record.payload is None:
        # a log that does not show how its records lie does not show their claims either
        evidence.shows_claims = False
    texts = _texts_of_letter(evidence, record.value) if isinstance(record.value, DeadLetter) else _texts(record)
    for text in texts:
        for name in _NAME.findall(text):
            evidence.unnamed.pop(name, None)


def _texts(record: Record) -> Iterator[bytes]:
    """Yield all bytes in which a record may name a file: as it lies in the log, and what is claimed by it."""
    if record.claim is not None:
        yield record.claim.encode()
    yield from (text or b"" for _, text in record.headers)
    if isinstance(record.value, Unreadable):
        yield record.value.payload or b""
        yield from (text or b"" for _, text in record.value.headers)
    yield to_bytes(record.value) if record.payload is None and not isinstance(record.value, Unreadable) else record.payload or b""


def _texts_of_letter(evidence: _Evidence, letter: DeadLetter) -> Iterator[bytes]:
    """Yield all bytes in which the record of a letter may name a file; a large one is put together from its pieces first."""
    yield letter.payload or b""
    yield from (text or b"" for _, text in letter.headers)
    if not letter.content:
        return
    pieces = evidence.pieces.setdefault((letter.topic, letter.partition, letter.offset), {})
    pieces[letter.piece] = letter.content
    if len(pieces) == letter.pieces:
        del evidence.pieces[letter.topic, letter.partition, letter.offset]
        for text in re.findall(r'"([A-Za-z0-9+/]*={0,2})"', "".join(pieces[number] for number in sorted(pieces))):
            yield _decoded(text)


def _decoded(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except ValueError:
        return b""

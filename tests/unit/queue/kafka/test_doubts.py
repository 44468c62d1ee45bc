"""What becomes of transactions that a member is not certain of, by what the broker tells of them."""

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaException, TopicPartition

from kestra_stream.queue.kafka.cluster import Place
from kestra_stream.queue.kafka.group.claims import Claims
from kestra_stream.queue.kafka.transactions import doubts as module
from kestra_stream.queue.kafka.transactions.doubts import Doubts, Lost, Standing

IN, OTHER_IN, OUT, STATE, FURTHER = (("in", 0), ("in", 1), ("out", 0), ("state", 0), ("further", 0))
NAME = "group-0a"


class Scene:
    """A member with its doubts; the broker is what a test says it is.

    Attributes:
        told: what is written beside the offsets of each partition.
        open: where a transaction is open.
        ended: how it was ended, and with which offsets.
        held: what the member holds.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.told: dict[Place, str] = {}
        self.open: set[Place] = set()
        self.ended: list[tuple[str, set[Place], list[tuple[str, int, int, str]]]] = []
        self.held: frozenset[Place] = frozenset({IN, OTHER_IN})
        ends = SimpleNamespace(among=lambda places, _: self.open & set(places))
        cluster: Any = SimpleNamespace(open_ends=ends, connection=SimpleNamespace(prefix=""))
        client = SimpleNamespace(committed=self._committed)
        claims = Claims(cluster, "group", NAME, lambda: client, lambda: False)
        monkeypatch.setattr(claims, "_asked_anew", self._committed)
        self.doubts = Doubts(cluster, "group", NAME, claims, lambda: Standing(self.held, b"metadata"))
        monkeypatch.setattr(module, "commit_leftovers", self._commit)
        monkeypatch.setattr(module, "abort_leftovers", self._abort)

    def _committed(self, wanted: Iterable[TopicPartition], _: float) -> list[TopicPartition]:
        return [TopicPartition(place.topic, place.partition, 5, self.told.get((place.topic, place.partition), "")) for place in wanted]

    def _commit(self, _: Any, places: Iterable[Place], offsets: Iterable[TopicPartition] = (), member: Any = None) -> None:
        assert member == (b"metadata" if offsets else None)
        self.ended.append(("committed", set(places), _shown(offsets)))

    def _abort(self, _: Any, cluster: Any, group: str, places: Iterable[Place], offsets: Iterable[TopicPartition]) -> None:
        assert group == "group"
        self.ended.append(("aborted", set(places), _shown(offsets)))

    def write(self, number: int, offsets: dict[Place, int], *places: Place, is_acknowledged: bool = True) -> None:
        """Try a transaction."""
        self.doubts.begin(number, offsets).update(dict.fromkeys(places, number))
        if is_acknowledged:
            self.doubts.acknowledged()

    def resolve(self) -> None:
        self.doubts.resolve(None)
        assert not self.doubts.exist


def _shown(offsets: Iterable[TopicPartition]) -> list[tuple[str, int, int, str]]:
    return [(place.topic, place.partition, place.offset, place.metadata or "") for place in offsets]


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(monkeypatch)


def test_what_is_whole_is_left_alone(scene: Scene) -> None:
    scene.write(1, {IN: 1}, OUT, STATE)
    scene.told = {IN: f"{NAME}#1"}
    assert scene.doubts.are_unfounded()
    scene.resolve()
    assert scene.ended == []


def test_without_a_reason_nobody_asks_where_transactions_are_open(scene: Scene) -> None:
    scene.write(1, {IN: 1}, OUT, STATE)
    scene.told, scene.open = {IN: f"{NAME}#1"}, {OUT}
    assert scene.doubts.are_unfounded()
    scene.doubts.has_reason = True
    assert not scene.doubts.are_unfounded()


def test_what_is_open_of_one_that_is_there_is_committed(scene: Scene) -> None:
    """Of earlier ones, too, that the last one did not touch."""
    scene.write(1, {IN: 1}, FURTHER, OUT)
    scene.write(2, {IN: 2}, OUT, STATE)
    scene.told, scene.open = {IN: f"{NAME}#2"}, {FURTHER, STATE}
    scene.resolve()
    assert scene.ended == [("committed", {FURTHER, STATE}, [])]


@pytest.mark.parametrize("open_places", [{OUT, STATE}, {STATE}, set()], ids=["all", "in part", "offsets only"])
def test_one_that_is_not_there_is_made_whole_with_its_own_offsets(scene: Scene, open_places: set[Place]) -> None:
    scene.write(1, {OTHER_IN: 7}, OUT)
    scene.write(2, {IN: 2}, OUT, STATE)
    scene.told, scene.open = {IN: f"{NAME}#0", OTHER_IN: f"{NAME}#1"}, open_places
    assert not scene.doubts.are_unfounded()
    scene.resolve()
    assert scene.ended == [("committed", open_places, [(*IN, 2, f"{NAME}#2")])]


def test_one_whose_partition_went_waits_until_it_is_back(scene: Scene) -> None:
    """Or another has taken it, who may have aborted the rest."""
    scene.write(1, {IN: 1, OTHER_IN: 1}, OUT, STATE)
    scene.told = dict.fromkeys((IN, OTHER_IN), NAME)
    scene.open, scene.held = {OUT, STATE}, frozenset({IN})
    with pytest.raises(KafkaException, match="whose its partitions are"):
        scene.doubts.resolve(None)
    assert scene.ended == []
    scene.held = frozenset({IN, OTHER_IN})
    scene.resolve()
    assert scene.ended == [("committed", {OUT, STATE}, [(*IN, 1, f"{NAME}#1"), (*OTHER_IN, 1, f"{NAME}#1")])]


def test_what_was_tried_since_has_ended_it(scene: Scene) -> None:
    scene.write(1, {IN: 1}, OUT, STATE)
    scene.write(2, {IN: 2}, OUT, is_acknowledged=False)
    scene.open = {STATE}
    with pytest.raises(Lost):
        scene.doubts.resolve(None)
    assert scene.ended == [("aborted", {STATE}, [(*IN, 0, "")])]


@pytest.mark.parametrize(("reached", "outcome"), [(1, "aborted"), (2, "committed")])
def test_one_that_was_never_answered_is_ended_as_its_mark_tells(scene: Scene, reached: int, outcome: str) -> None:
    scene.write(1, {IN: 1}, OUT, STATE)
    scene.write(2, {IN: 2}, OUT, is_acknowledged=False)
    scene.told, scene.open = {IN: f"{NAME}#{reached}"}, {OUT}
    scene.resolve()
    assert [(how, places) for how, places, _ in scene.ended] == [(outcome, {OUT})]


@pytest.mark.parametrize("written", ["group-0b#9", ""], ids=["taken", "taken and let go"])
def test_what_others_have_had_is_not_made_whole(scene: Scene, written: str) -> None:
    """They may have aborted the rest."""
    scene.write(1, {IN: 1, OTHER_IN: 1}, OUT)
    scene.told, scene.open = {IN: NAME, OTHER_IN: written}, {OUT}
    assert not scene.doubts.are_unfounded()
    with pytest.raises(Lost):
        scene.doubts.resolve(None)
    assert [(how, places) for how, places, _ in scene.ended] == [("aborted", {OUT})]


def test_a_place_of_an_earlier_one_that_another_has_by_now_hides_nothing(scene: Scene) -> None:
    scene.write(1, {OTHER_IN: 1}, OUT)
    scene.write(2, {IN: 2}, OUT)
    scene.told = {OTHER_IN: "group-0b#9"}
    assert not scene.doubts.are_unfounded()


def test_who_has_taken_all_has_ended_it(scene: Scene) -> None:
    scene.write(1, {IN: 1}, OUT)
    scene.write(2, {IN: 2}, STATE, is_acknowledged=False)
    scene.told, scene.open = {IN: "group-0b#9"}, {OUT, STATE}
    scene.resolve()
    assert [(how, places) for how, places, _ in scene.ended] == [("committed", {OUT}), ("aborted", {STATE})]

"""One executor beside bare loops of the client library: the same inputs, records of the same sizes out, transactions of 500, by turns.

One bare loop sends as many records as the executor does, the other sends one for each input.

python -m benchmarks.kafka_executor [--dry] [--profile]
"""

import cProfile
import gc
import json
import pstats
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from uuid import uuid4

from confluent_kafka import Consumer, Producer

from benchmarks.engine import TWO_TASKS, engine, saved
from benchmarks.kafka_bench import broker
from benchmarks.report import Figure, run
from kestra_stream.assembly.collector import RARELY
from kestra_stream.executor.plans import Plans
from kestra_stream.executor.processor import Executor
from kestra_stream.queue.interface import Outgoing, Record
from kestra_stream.queue.kafka import Connection, KafkaLog
from kestra_stream.queue.serde import to_bytes
from kestra_stream.runtime.clock import SystemClock
from kestra_stream.runtime.loop import BATCH, Loop
from kestra_stream.topics import EXECUTION_EVENT, EXECUTION_INBOX, LOG, METRIC, WORKER_JOB

EXECUTIONS = 6000
TURNS = 3


@dataclass
class Turn:
    """What one run took: seconds, and seconds of CPU."""

    seconds: float
    cpu: float


def recorded(count: int) -> tuple[list[Record], object]:
    """Return the inputs of so many executions of the two-task flow, as an engine in memory was told them."""
    with engine(keep=1000) as running:
        flow, reader = saved(running, TWO_TASKS), running.backend.log.reader((EXECUTION_INBOX,))
        for _ in range(count):
            running.executions.create(flow)
        found: list[Record] = []
        while len(found) < 3 * count:
            found.extend(reader.poll(10_000, 1.0))
        return found, flow


def executor_turn(servers: str, inputs: Sequence[Record], flow: object, *, profile: bool = False) -> Turn:
    """Let one executor work off the inputs that wait for it."""
    log = KafkaLog(Connection({"bootstrap.servers": servers}, prefix=f"bench-{uuid4().hex[:8]}-", creates=True))
    for start in range(0, len(inputs), 5000):
        log.send([Outgoing(EXECUTION_INBOX, one.key, one.value) for one in inputs[start : start + 5000]])
    for topic in (EXECUTION_EVENT, WORKER_JOB, LOG, METRIC):
        log.cluster.ensure(topic)
    executor = Executor(Plans(lambda *_: flow), lambda _: None)  # type: ignore[arg-type, return-value]  # the one flow that there is
    loop, done = Loop(executor, log, SystemClock(), lambda record: to_bytes(record.value)), 0
    process = executor.process

    def counted(records: Sequence[Record], now: object) -> object:
        nonlocal done
        done += len(records)
        return process(records, now)  # type: ignore[arg-type]  # as it came

    executor.process = counted  # type: ignore[method-assign, assignment]  # looks on
    while not done:
        loop.step(0.1)
    first, began, cpu = done, time.perf_counter(), time.process_time()
    profiler = cProfile.Profile()
    if profile:
        profiler.enable()
    while done < len(inputs):
        loop.step(0.1)
    seconds, spent = time.perf_counter() - began, time.process_time() - cpu
    if profile:
        profiler.disable()
        pstats.Stats(profiler).sort_stats("tottime").print_stats(40)
    loop.consumer.close()
    log.close()
    scale = len(inputs) / (len(inputs) - first)
    return Turn(seconds * scale, spent * scale)


def bare_turn(servers: str, inputs: Sequence[Record], out: Sequence[int]) -> Turn:
    """Consume, transform and produce with nothing but the client library; of each input come records of the sizes `out`."""
    prefix, payloads = f"bench-{uuid4().hex[:8]}-", [b"x" * size for size in out]
    log = KafkaLog(Connection({"bootstrap.servers": servers}, prefix=prefix, creates=True))
    for start in range(0, len(inputs), 5000):
        log.send([Outgoing(EXECUTION_INBOX, one.key, one.value) for one in inputs[start : start + 5000]])
    target = log.cluster.ensure(EXECUTION_EVENT)
    connection = log.cluster.connection
    consumer = Consumer(connection.consumer("bare"))
    consumer.subscribe([log.cluster.ensure(EXECUTION_INBOX)])
    producer = Producer(connection.transactional(f"{prefix}bare"))
    producer.init_transactions(10)
    done, began, cpu, first = 0, 0.0, 0.0, 0
    while done < len(inputs):
        message = consumer.poll(0.1)
        if message is None:
            continue
        messages = [message, *consumer.consume(BATCH - 1, 0)]
        producer.begin_transaction()
        for number, one in enumerate(messages):
            for payload in payloads:
                producer.produce(target, payload, one.key(), number % 16)
        producer.send_offsets_to_transaction(consumer.position(consumer.assignment()), consumer.consumer_group_metadata())
        producer.commit_transaction()
        done += len(messages)
        if not began:
            first, began, cpu = done, time.perf_counter(), time.process_time()
    seconds, spent = time.perf_counter() - began, time.process_time() - cpu
    consumer.close()
    log.close()
    scale = len(inputs) / (len(inputs) - first)
    return Turn(seconds * scale, spent * scale)


def out_sizes(inputs: Sequence[Record], flow: object) -> list[int]:
    """Return the sizes of what an executor writes for one input, on the average."""
    executor = Executor(Plans(lambda *_: flow), lambda _: None)  # type: ignore[arg-type, return-value]  # the one flow that there is
    few = [one for one in inputs if one.key in {record.key for record in inputs[:50]}]
    transaction = executor.process(few, SystemClock().now())
    sizes = [len(to_bytes(one.value)) for one in (*transaction.records, *transaction.state)]
    count = round(len(sizes) / len(few))
    return [sum(sizes) // len(sizes)] * count


def measure(servers: str) -> dict[str, float]:
    """Take turns; return the figures of the middle one of each."""
    gc.set_threshold(*RARELY)
    inputs, flow = recorded(EXECUTIONS)
    out = out_sizes(inputs, flow)
    ours, bare, single = [], [], []
    for _ in range(TURNS):
        ours.append(executor_turn(servers, inputs, flow))
        bare.append(bare_turn(servers, inputs, out))
        single.append(bare_turn(servers, inputs, out[:1]))
    seconds, bare_seconds, single_seconds = (median(turn.seconds for turn in turns) for turns in (ours, bare, single))
    return {
        "inputs": len(inputs) / seconds,
        "bare": len(inputs) / bare_seconds,
        "ratio": bare_seconds / seconds,
        "bare, one out": len(inputs) / single_seconds,
        "ratio, one out": single_seconds / seconds,
        "us of CPU an input": median(turn.cpu for turn in ours) / len(inputs) * 1e6,
        "us of CPU an input, bare": median(turn.cpu for turn in bare) / len(inputs) * 1e6,
        "records out": float(len(out)),
    }


def ratio(servers: str) -> dict[str, float]:
    """Measure in a process of its own."""
    code = f"import json, benchmarks.kafka_executor as k; print(json.dumps(k.measure({servers!r})))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parent.parent)  # noqa: S603
    return dict(json.loads(done.stdout.splitlines()[-1]))


def figures() -> list[Figure]:
    """Measure all, or profile the executor."""
    with broker() as servers:
        if "--profile" in sys.argv:
            gc.set_threshold(*RARELY)
            inputs, flow = recorded(EXECUTIONS)
            executor_turn(servers, inputs, flow, profile=True)
        found = ratio(servers)
    return [
        Figure("inputs a second of one executor", found["inputs"], ">= 7500"),
        Figure("inputs a second of a bare loop, as many records out", found["bare"]),
        Figure("inputs a second of a bare loop, one record out", found["bare, one out"]),
        Figure("executor : bare loop, as many records out", found["ratio"], ">= 0.15"),
        Figure("executor : bare loop, one record out", found["ratio, one out"]),
        Figure("us of CPU an input", found["us of CPU an input"]),
        Figure("us of CPU an input of a bare loop, as many records out", found["us of CPU an input, bare"]),
        Figure("records out an input", found["records out"]),
    ]


if __name__ == "__main__":
    run("kafka-executor", figures)

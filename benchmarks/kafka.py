"""The figures of the Kafka family: throughput through the log, latency, fan-out, splitting, and the executor beside a bare loop.

python -m benchmarks.kafka [--dry] [--seconds=60]
All processes and the broker share the machine; the CPU time of each stands beside the figures.
"""

import sys
import time
from statistics import median

from benchmarks.engine import TWO_TASKS, for_each
from benchmarks.kafka_bench import Observer, World, broker, world
from benchmarks.kafka_executor import ratio
from benchmarks.report import Figure, run

IN_FLIGHT = 400
PAIR = ("executor", "worker -t 16")


def seconds_asked() -> float:
    """How long throughput is measured."""
    return next((float(word.split("=")[1]) for word in sys.argv if word.startswith("--seconds=")), 60.0)


def flood(one: World, observer: Observer, seconds: float) -> dict[str, float]:
    """Keep so many executions under way for a while; the first fifth is not counted."""
    flow = one.flow(TWO_TASKS)
    observer.wait(one.execute(flow, 50))
    started, began = 50, time.monotonic()
    counted_from, cpu, ended = 0.0, dict[str, float](), 0
    while (now := time.monotonic()) < began + seconds * 1.2:
        if not counted_from and now > began + seconds * 0.2:
            counted_from, cpu, ended = now, one.cpu(), len(observer.ended)
        missing = IN_FLIGHT - (started - len(observer.ended))
        if missing >= 50:
            one.execute(flow, missing)
            started += missing
        observer.poll(0.005)
    passed, done = time.monotonic() - counted_from, len(observer.ended) - ended
    spent = {name: value - cpu[name] for name, value in one.cpu().items()}
    lag = started - len(observer.ended)
    assert lag <= IN_FLIGHT
    return {"a second": done / passed, **{f"{name} ms": value / done * 1000 for name, value in spent.items()}}


def throughput(servers: str, seconds: float, *components: str) -> dict[str, float]:
    with world(servers, *components) as one:
        observer = Observer(servers, one.prefix)
        try:
            return flood(one, observer, seconds)
        finally:
            observer.close()


def latency(servers: str, count: int = 200) -> list[float]:
    """Milliseconds from the start of the sending to the end as an observer sees it."""
    with world(servers, *PAIR) as one:
        observer, flow = Observer(servers, one.prefix), one.flow(TWO_TASKS)
        for _ in range(20):
            observer.wait(one.execute(flow))
        found = []
        for _ in range(count):
            began = time.monotonic()
            (name,) = one.execute(flow)
            observer.wait([name])
            found.append((observer.ended[name] - began) * 1000)
            time.sleep(0.01)
        observer.close()
        return sorted(found)


def fan_out(servers: str, *counts: int) -> list[float]:
    """Seconds of a ForEach over so many values, one after the other on the same servers."""
    with world(servers, *PAIR) as one:
        observer = Observer(servers, one.prefix)
        observer.wait(one.execute(one.flow(TWO_TASKS), 50))
        found = []
        for count in counts:
            flow = one.flow(for_each(count))
            began = time.monotonic()
            (name,) = one.execute(flow)
            observer.wait([name], 900)
            found.append(observer.ended[name] - began)
        observer.close()
        return found


def figures() -> list[Figure]:
    """Measure everything."""
    seconds = seconds_asked()
    with broker() as servers:
        own = throughput(servers, seconds, *PAIR)
        split = throughput(servers, seconds / 2, *PAIR, *PAIR)
        idle = latency(servers)
        *small, large = fan_out(servers, 1000, 1000, 1000, 100_000)
        loop = ratio(servers)
    item = median(small[1:]) / 1000
    return [
        Figure("executions a second, two tasks, sustained", own["a second"], ">= 500", "75 (on 4 cores, the broker elsewhere)"),
        Figure("ms of CPU an execution, executor", own["executor ms"]),
        Figure("ms of CPU an execution, worker", own["worker ms"]),
        Figure("inputs a second of one executor", loop["inputs"], ">= 7500"),
        Figure("inputs of an executor : inputs of a bare loop", loop["ratio"], ">= 0.15"),
        Figure("latency when idle, p50, ms", median(idle), "<= 35", "170"),
        Figure("latency when idle, p99, ms", idle[int(len(idle) * 0.99)], "<= 100"),
        Figure("two executors and two workers : one of each, executions a second", split["a second"] / own["a second"], ">= 0.95"),
        Figure("two of each : one of each, ms of CPU an execution, executors", split["executor ms"] / own["executor ms"]),
        Figure("two of each : one of each, ms of CPU an execution, workers", split["worker ms"] / own["worker ms"]),
        Figure("ForEach over 1,000 values, s", median(small), "<= 3", "407"),
        Figure("ForEach over 100,000 values, s", large),
        Figure("time of an item, 100,000 : 1,000 values", large / 100_000 / item, "<= 1.2"),
    ]


if __name__ == "__main__":
    run("kafka", figures)

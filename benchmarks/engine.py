"""The engine's figures on the memory family: throughput, latency, fan-out, memory, start-up, validation.

python -m benchmarks.engine [--dry]
"""

import gc
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from benchmarks.report import Figure, run
from kestra_stream.assembly.standalone import Standalone
from kestra_stream.cli.follow.follower import Follower
from kestra_stream.models.flow import Flow
from kestra_stream.models.flow_source import FlowSource
from kestra_stream.models.state import S
from kestra_stream.plugin.flow_source import parse_flow
from kestra_stream.settings import LocalStorageSettings, RepositorySettings, Settings, StorageSettings

TWO_TASKS = """
id: two
namespace: bench
tasks:
  - {id: values, type: io.kestra.plugin.core.output.OutputValues, values: {text: "hello {{ execution.id }}"}}
  - {id: say, type: io.kestra.plugin.core.log.Log, message: "{{ outputs.values.values.text }}"}
"""


def for_each(count: int) -> str:
    return f"""
id: each{count}
namespace: bench
tasks:
  - id: each
    type: io.kestra.plugin.core.flow.ForEach
    values: "{{{{ range(1, {count}) }}}}"
    concurrencyLimit: 0
    tasks:
      - {{id: t, type: io.kestra.plugin.core.debug.Return, format: "{{{{ taskrun.value }}}}"}}
"""


@contextmanager
def engine(keep: int | None = None) -> Iterator[Standalone]:
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            storage=StorageSettings(local=LocalStorageSettings(base_path=Path(folder))), repository=RepositorySettings(most_executions=keep)
        )
        running = Standalone(settings)
        running.start()
        try:
            yield running
        finally:
            running.stop()


def saved(running: Standalone, source: str) -> Flow:
    flow = parse_flow(source)
    running.flows.save(FlowSource("main", flow.namespace, flow.id, 0, source, {}))
    found = running.table.get("main", flow.namespace, flow.id)
    assert found is not None
    return found


def wait_for(follower: Follower, ids: set[str]) -> None:
    while ids:
        follower.poll(1.0)
        ids -= {one for one in ids if one in follower.executions and follower.executions[one].finished}


def throughput(count: int = 4000) -> dict[str, float]:
    with engine(keep=1000) as running:
        flow = saved(running, TWO_TASKS)
        follower = Follower(running.backend.log)
        wait_for(follower, {running.executions.create(flow, {}).id for _ in range(300)})
        began, cpu = time.perf_counter(), time.process_time()
        ids = {running.executions.create(flow, {}).id for _ in range(count)}
        wait_for(follower, ids)
        seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu
        return {"executions a second": count / seconds, "ms of CPU an execution": cpu_seconds / count * 1000}


def latency(count: int = 200) -> dict[str, float]:
    with engine() as running:
        flow = saved(running, TWO_TASKS)
        follower = Follower(running.backend.log)
        found = []
        for _ in range(count):
            began = time.perf_counter()
            wait_for(follower, {running.executions.create(flow, {}).id})
            found.append((time.perf_counter() - began) * 1000)
            time.sleep(0.002)
        return {"latency p50, ms": median(found), "latency p99, ms": sorted(found)[int(count * 0.99)]}


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def fan_out(count: int) -> dict[str, float]:
    with engine() as running:
        flow = saved(running, for_each(count))
        follower = Follower(running.backend.log)
        gc.collect()
        memory, began, cpu = resident(), time.perf_counter(), time.process_time()
        execution_id = running.executions.create(flow, {}).id
        wait_for(follower, {execution_id})
        seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu
        assert follower.executions[execution_id].head.state.current is S.SUCCESS
        return {"seconds": seconds, "us of CPU an item": cpu_seconds / count * 1e6, "bytes an item": (resident() - memory) / count}


def in_a_process(name: str) -> dict[str, float]:
    """Run one measurement in a process of its own, so that none inherits another's memory."""
    code = f"import json, benchmarks.engine as e; print(json.dumps(e.{name}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parent.parent)  # noqa: S603
    return dict(json.loads(done.stdout))


def in_processes(name: str, runs: int) -> dict[str, float]:
    """Return the median of each figure of several runs."""
    several = [in_a_process(name) for _ in range(runs)]
    return {figure: median(one[figure] for one in several) for figure in several[0]}


def whole_process(*arguments: str, runs: int = 7) -> float:
    """Median seconds of a command, start to end."""
    command = str(Path(sys.executable).with_name("kestra-stream"))
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(runs):
            began = time.perf_counter()
            subprocess.run([command, *arguments], check=True, capture_output=True, cwd=folder)  # noqa: S603
            found.append(time.perf_counter() - began)
    return median(found)


def validation(count: int = 300, tasks: int = 20) -> float:
    with tempfile.TemporaryDirectory() as folder:
        for number in range(count):
            lines = [f"id: flow{number}", "namespace: bench", "tasks:"]
            for task in range(tasks):
                lines += [f"  - id: t{task}", "    type: io.kestra.plugin.core.log.Log", f'    message: "{{{{ flow.id }}}} {task}"']
            Path(folder, f"{number}.yaml").write_text("\n".join(lines) + "\n")
        return whole_process("flow", "validate", folder, runs=3)


def figures() -> list[Figure]:
    """Measure everything."""
    hello = str(Path(__file__).parent.parent / "examples" / "hello.yaml")
    flood, idle = in_a_process("throughput()"), in_a_process("latency()")
    small, large = in_processes("fan_out(1000)", 7), in_processes("fan_out(100000)", 3)
    return [
        Figure("executions a second, two tasks", flood["executions a second"], ">= 1000", "35"),
        Figure("ms of CPU an execution", flood["ms of CPU an execution"], "<= 1", "52-67"),
        Figure("latency when idle, p50, ms", idle["latency p50, ms"], "<= 3", "170"),
        Figure("latency when idle, p99, ms", idle["latency p99, ms"]),
        Figure("ForEach over 1,000 values, s", small["seconds"], "<= 1", "407"),
        Figure("ForEach over 100,000 values, s", large["seconds"]),
        Figure("CPU of an item, 100,000 : 1,000 values", large["us of CPU an item"] / small["us of CPU an item"], "<= 1.2", "grows with n"),
        Figure("kB of memory a live task run, 100,000 values", large["bytes an item"] / 1000, "<= 5"),
        Figure("run examples/hello.yaml, whole process, s", whole_process("run", hello), "<= 0.7", "46"),
        Figure("--help, whole process, s", whole_process("--help"), "<= 0.25"),
        Figure("validate 300 flows, whole process, s", validation(), "<= 3"),
    ]


if __name__ == "__main__":
    run("engine", figures)

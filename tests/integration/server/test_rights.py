"""A broker that asks who its clients are (SCRAM over TLS) and what they may do: an engine on it, and what it tells when a right is missing."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.integration.faults.engine_client import EngineClient, client_of
from tests.integration.faults.record import Chronicle
from tests.integration.faults.site import Member, Site
from tests.services.kafka import KafkaCluster
from tests.services.rights import AUTHORIZER, Rights
from tests.services.security import Security
from tests.unit.assembly.polling import until

SECRET = "hunter2-is-no-password"
FLOW = """
id: steps
tasks:
  - {id: first, type: io.kestra.plugin.core.log.Log, message: first}
  - {id: nap, type: io.kestra.plugin.core.flow.Sleep, duration: PT1S}
  - {id: last, type: io.kestra.plugin.core.debug.Return, format: "{{ execution.id }}"}
"""
EXECUTIONS = 3


@dataclass
class Engine:
    """One process of each kind, a client, and the rights of the user that all of them are."""

    site: Site
    rights: Rights
    client: EngineClient
    chronicle: Chronicle

    def member(self, component: str) -> Member:
        """Return the process that is this component."""
        return next(member for member in self.site.members if member.name.startswith(component) and member.is_alive)


CLASSIC, CONSUMER = "classic", "consumer"


@pytest.fixture(scope="module")
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """An engine whose groups speak one of the two protocols. A group whose right is taken away for longer than a session is lost."""
    folder = tmp_path_factory.mktemp("engine")
    security = Security("SCRAM-SHA-512", is_encrypted=True, password=SECRET)
    with KafkaCluster(security=security, properties=AUTHORIZER) as cluster:
        rights = Rights(cluster.administrator, security.user)
        rights.allow("kestra_")
        with Site(folder, {**cluster.broker.client, "group.protocol": request.param}) as site:
            site.start("executor", "limiter", "worker")
            with client_of(site.config, FLOW) as client:
                chronicle = Chronicle(client.log)
                yield Engine(site, rights, client, chronicle)
                chronicle.close()
            assert [member.end() for member in site.members if member.is_alive] == [0, 0, 0]
        for member in site.members:
            assert not member.has_told(SECRET)
            assert not member.has_told("Traceback")


@pytest.mark.parametrize("engine", [CLASSIC], indirect=True)
def test_a_flow_runs_over_sasl_and_tls(engine: Engine) -> None:
    (engine.site.folder / "hello.yaml").write_text(f"namespace: tests.rights\n{FLOW}", encoding="utf-8")
    done = engine.site.command("run", "hello.yaml", "-o", "json")
    assert done.returncode == 0, done.stderr
    assert SECRET not in done.stdout + done.stderr
    engine.chronicle.end_well(engine.client.create(["steps"]))


@pytest.mark.parametrize(
    ("engine", "kind", "name", "operation", "component", "right"),
    [
        (CLASSIC, "topic", "kestra_execution_event", "WRITE", "executor", "Write on the topic kestra_execution_event"),
        (CLASSIC, "topic", "kestra_executor_state", "WRITE", "executor", "Write on the topic kestra_executor_state"),
        (CLASSIC, "topic", "kestra_execution_inbox", "READ", "executor", "Read on the topic kestra_execution_inbox"),
        (CLASSIC, "group", "kestra_executor", "READ", "executor", "Read on the consumer group kestra_executor"),
        (CLASSIC, "transactional-id", "kestra_executor", "WRITE", "executor", "Write on the transactional id kestra_executor-*"),
        (CLASSIC, "topic", "kestra_execution_inbox", "WRITE", "worker", "Write on the topic kestra_execution_inbox"),
        (CLASSIC, "topic", "kestra_worker_job", "READ", "worker", "Read on the topic kestra_worker_job"),
        (CLASSIC, "group", "kestra_worker_job", "READ", "worker", "Read on the consumer group kestra_worker_job"),
        (CLASSIC, "topic", "kestra_worker_talk", "READ", "worker", "Read on the topic kestra_worker_talk"),
        (CONSUMER, "group", "kestra_executor", "READ", "executor", "Read on the consumer group kestra_executor"),
    ],
    indirect=["engine"],
)
def test_a_right_that_is_taken_away_is_named_and_work_goes_on_once_it_is_back(
    engine: Engine, kind: str, name: str, operation: str, component: str, right: str
) -> None:
    member = engine.member(component)
    begun = len(member.lines())
    executions = engine.client.create(["steps"] * EXECUTIONS)
    with engine.rights.without(kind, name, operation):
        until(lambda: any(f"this user needs the right {right};" in line for line in member.lines(begun)))
        if kind == "group":
            until(lambda: any("nothing can be read: " in line or "no job can be read: " in line for line in member.lines(begun)))
        engine.site.check()
    engine.chronicle.end_well(executions)
    engine.site.check()


@pytest.mark.parametrize(
    ("engine", "kind", "name", "component", "right"),
    [
        (CLASSIC, "group", "kestra_executor", "executor", "Read on the consumer group kestra_executor"),
        (CLASSIC, "transactional-id", "kestra_limiter", "limiter", "Write on the transactional id kestra_limiter-*"),
        (CLASSIC, "group", "kestra_worker_job", "worker", "Read on the consumer group kestra_worker_job"),
        (CONSUMER, "group", "kestra_executor", "executor", "Read on the consumer group kestra_executor"),
    ],
    indirect=["engine"],
)
def test_a_process_that_starts_without_a_right_names_it_and_begins_once_it_has_it(
    engine: Engine, kind: str, name: str, component: str, right: str
) -> None:
    """The only one of its kind: nobody else could do the work."""
    assert engine.member(component).end() == 0
    engine.site.members.remove(next(member for member in engine.site.members if not member.is_alive))
    operation = "WRITE" if kind == "transactional-id" else "READ"
    with engine.rights.without(kind, name, operation):
        (member,) = engine.site.begin(component)
        executions = engine.client.create(["steps"] * EXECUTIONS)
        until(lambda: member.has_told(f"this user needs the right {right};"))
        engine.site.check()
    member.wait_ready()
    engine.chronicle.end_well(executions)

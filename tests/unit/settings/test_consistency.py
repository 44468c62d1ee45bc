"""What settings say that does not go together, or in vain, is told."""

from pathlib import Path

import pytest

from kestra_stream.settings import without_effect
from tests.unit.settings.test_loading import KAFKA, faults, load

ROLE = "kestra.storage.s3.sts-role-"
BYTES, KEPT, NAMED = "kestra.kafka.message-bytes", "kestra.kafka.client.properties", "kestra.kafka.client.instance-id"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "engine.yaml"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            "kestra: {server: {liveness: {timeout: 5s}}}",
            "1:39: kestra.server.liveness.timeout: a worker that tells of itself every 3 s would be taken for dead: make it at least twice",
        ),
        ("kestra: {server: {liveness: {heartbeat-interval: 1m}}}", "every 60 s would be taken for dead"),
        (
            "kestra: {kafka: {message-bytes: 2000000}}",
            "1:33: kestra.kafka.message-bytes: is more than the client sends (message.max.bytes: 1000000)",
        ),
        (
            "kestra: {kafka: {message-bytes: 2000000, client: {properties: {message.max.bytes: 1500000}}}}",
            "raise kestra.kafka.client.properties.message.max.bytes, too",
        ),
        (
            "kestra:\n  kafka.client.properties:\n    sasl.jaas.config: secret\n",
            "3:23: kestra.kafka.client.properties.sasl.jaas.config: is a property of Java's client, and this one is librdkafka: write `sasl.username`",
        ),
        ("kestra: {kafka: {client: {properties: {auto.commit.enable: true}}}}", "offsets are committed in transactions: take it out"),
        ("kestra: {kafka: {defaults: {producer: {properties: {partitioner: random}}}}}", "the partition of a record follows from its key"),
    ],
)
def test_what_does_not_go_together_is_told(file: Path, text: str, fault: str) -> None:
    assert fault in "\n".join(faults(file, text))


def test_what_goes_together_is_taken(file: Path) -> None:
    load(file, "kestra: {server: {liveness: {timeout: 6s}}, kafka: {message-bytes: 1000000}}")
    load(file, "kestra: {kafka: {message-bytes: 2000000, defaults: {producer: {properties: {message.max.bytes: 2000000}}}}}")
    load(file, "kestra: {kafka: {client: {properties: {message.max.bytes: big}}}}")  # the client library tells that


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("kestra: {}", []),
        (
            "kestra: {kafka: {client: {properties: {bootstrap.servers: a}, instance-id: b}, message-bytes: 10000}}",
            [
                f"{BYTES}, {KEPT}, {NAMED} have no effect: kestra.queue.type is `memory`; set it to `kafka`",
            ],
        ),
        (
            "kestra: {storage: {type: s3, local: {base-path: a}, minio: {bucket: b}, s3: {bucket: c}, cleanup: {age: 1h}}, retries: {delay: 1s}}",
            [
                "kestra.storage.cleanup.age has no effect: only servers on Kafka sweep, and kestra.queue.type is `memory`",
                "kestra.storage.local.base-path has no effect: kestra.storage.type is `s3`",
                "kestra.storage.minio.bucket has no effect: kestra.storage.type is `s3`",
            ],
        ),
        (
            "kestra: {storage: {local: {base-path: a}, options: {a: b}}, retries: {delay: 1s}, engine: {state: {type: disk}, most-loop-values: 3}}",
            [
                "kestra.engine.state.type has no effect: kestra.queue.type is `memory`, which keeps all state in memory",
                "kestra.storage.options has no effect: they are for the storage of a plugin, not for `local`",
                "kestra.retries.delay has no effect: requests to a bucket are tried again, and kestra.storage.type is `local`",
            ],
        ),
        ("kestra: {repository: {most-executions: 3}}", []),
        (
            "kestra: {storage: {type: minio, minio: {endpoint: 'http://a', port: 1, secure: true, verify-tls: false, ca-file: a}}}",
            [
                "kestra.storage.minio.port has no effect: kestra.storage.minio.endpoint tells it",
                "kestra.storage.minio.secure has no effect: kestra.storage.minio.endpoint tells it",
                "kestra.storage.minio.ca-file has no effect: kestra.storage.minio.verify-tls is off",
            ],
        ),
        (
            "kestra: {storage: {type: s3, s3: {sts-role-session-name: a, sts-endpoint-override: b, session-token: c}}}",
            [
                "kestra.storage.s3.sts-role-session-name has no effect: kestra.storage.s3.sts-role-arn is not set",
                "kestra.storage.s3.sts-endpoint-override has no effect: kestra.storage.s3.sts-role-arn is not set",
                "kestra.storage.s3.session-token has no effect: kestra.storage.s3.access-key is not set",
            ],
        ),
        (
            "kestra: {storage: {type: s3, s3: {sts-role-arn: a, sts-role-external-id: b, sts-web-identity-token-file: c}}}",
            [
                f"{ROLE}external-id has no effect: the token of a web identity takes the role, and is asked for no such id",
            ],
        ),
    ],
)
def test_what_is_set_in_vain_is_told(file: Path, text: str, told: list[str]) -> None:
    assert list(without_effect(load(file, text))) == told


def test_what_is_set_in_vain_on_kafka_is_told(file: Path) -> None:
    text = "kestra: {repository: {most-executions: 3}, engine: {state: {path: a}}, kafka: {message-bytes: 20000}}"
    assert list(without_effect(load(file, text, **KAFKA))) == [
        "kestra.repository.most-executions has no effect: the Kafka family has no repository yet",
        "kestra.engine.state.path has no effect: kestra.engine.state.type is `memory`",
    ]

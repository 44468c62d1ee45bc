"""Settings from a file and the environment: what is written is found, what is wrong is told with its place, secrets are not shown."""

from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from kestra_stream.errors import Invalid
from kestra_stream.settings import Settings, load_settings
from kestra_stream.settings.environment import variable_of
from kestra_stream.settings.keys import all_keys, section_of

KAFKA = {"KESTRA_QUEUE_TYPE": "kafka", "KESTRA_KAFKA_CLIENT_PROPERTIES_BOOTSTRAP_SERVERS": "broker:9092"}
SECRET = "dGhpcnR5LXR3byBieXRlcywgZm9yIHRoaXMgdGVzdC4="


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "engine.yaml"


def load(file: Path, text: str, **environ: str) -> Settings:
    file.write_text(text, encoding="utf-8")
    return load_settings(file, environ)


def faults(file: Path, text: str, **environ: str) -> list[str]:
    """Return the lines of what is wrong, the file's name cut."""
    with pytest.raises(Invalid) as caught:
        load(file, text, **environ)
    return str(caught.value).replace(f"{file}:", "").splitlines()


def test_without_anything_all_is_default() -> None:
    assert load_settings(None, {}) == Settings()


def test_a_file_sets_what_it_names(file: Path) -> None:
    settings = load(file, "kestra:\n  worker: {slots: 3}\n  server:\n    termination-grace-period: PT10S\n    port: 0\n")
    assert settings.worker.slots == 3
    assert settings.server.termination_grace_period == timedelta(seconds=10)
    assert settings.server.port == 0


@pytest.mark.parametrize("key", ["topic-prefix", "topicPrefix", "topic_prefix", "TOPIC-PREFIX", "topicprefix"])
def test_a_key_has_many_spellings(file: Path, key: str) -> None:
    assert load(file, f"kestra: {{kafka: {{defaults: {{{key}: mine_}}}}}}").kafka.defaults.topic_prefix == "mine_"


@pytest.mark.parametrize(
    "text",
    [
        "kestra.kafka.defaults.topic-prefix: mine_",
        "kestra.kafka:\n  defaults.topicPrefix: mine_",
        "kestra:\n  kafka.defaults:\n    topic-prefix: mine_",
        "kestra:\n  kafka: {client: {}}\n  kafka.defaults: {topic-prefix: mine_}",
    ],
)
def test_dots_are_levels(file: Path, text: str) -> None:
    assert load(file, text).kafka.defaults.topic_prefix == "mine_"


def test_properties_are_handed_on_as_they_are(file: Path) -> None:
    text = """
kestra:
  kafka:
    client:
      properties:
        bootstrap.servers: a:1,b:2
        ssl: {ca: {location: /ca.pem}}
        enable.ssl.certificate.verification: false
        socket.timeout.ms: 1000
        ssl_key: x
"""
    assert load(file, text).kafka.client.properties == {
        "bootstrap.servers": "a:1,b:2",
        "ssl.ca.location": "/ca.pem",
        "enable.ssl.certificate.verification": "false",
        "socket.timeout.ms": "1000",
        "ssl_key": "x",
    }


@pytest.mark.parametrize(
    ("variable", "name"),
    [
        ("BOOTSTRAP_SERVERS", "bootstrap.servers"),
        ("SASL_OAUTHBEARER_CLIENT_ID", "sasl.oauthbearer.client.id"),
        ("SSL__KEY", "ssl_key"),
    ],
)
def test_a_property_by_variable(variable: str, name: str) -> None:
    settings = load_settings(None, {f"KESTRA_KAFKA_CLIENT_PROPERTIES_{variable}": "x"})
    assert settings.kafka.client.properties == {name: "x"}


def test_properties_as_one_variable() -> None:
    settings = load_settings(None, {"KESTRA_KAFKA_CLIENT_PROPERTIES": "{bootstrap.servers: 'a:1', sasl: {username: me}}"})
    assert settings.kafka.client.properties == {"bootstrap.servers": "a:1", "sasl.username": "me"}


def test_a_variable_wins_over_the_file_and_both_are_kept_where_they_do_not_meet(file: Path) -> None:
    text = "kestra: {kafka: {client: {properties: {bootstrap.servers: 'a:1', sasl.username: me}}}}"
    settings = load(file, text, KESTRA_KAFKA_CLIENT_PROPERTIES_BOOTSTRAP_SERVERS="b:2")
    assert settings.kafka.client.properties == {"bootstrap.servers": "b:2", "sasl.username": "me"}


def test_the_whole_document_may_be_a_variable_and_the_file_wins_over_it(file: Path) -> None:
    whole = "kestra:\n  worker: {slots: 1, group: a}\n  url: http://one\n"
    settings = load(file, "kestra: {worker: {slots: 2}}", KESTRA_CONFIGURATION=whole, KESTRA_URL="http://two")
    assert (settings.worker.slots, settings.worker.group, settings.url) == (2, "a", "http://two")


@pytest.mark.parametrize("key", [key for key, _ in all_keys(Settings)])
def test_every_key_has_one_variable(key: str) -> None:
    """The variable means this key and no other: what it sets wrongly is told under the key's own name, or it is taken."""
    variable = variable_of(key)
    try:
        settings = load_settings(None, {variable: "[wrong"})
    except Invalid as error:
        assert "can mean" not in str(error)
        assert "nothing that is known" not in str(error)
        assert variable in str(error)
    else:
        at: object = settings
        for step in key.split(".")[1:]:
            at = getattr(at, step.replace("-", "_"))
        assert (at.get_secret_value() if isinstance(at, SecretStr) else str(at)) == "[wrong"


@pytest.mark.parametrize("name", ["KESTRA_KAFKA_DEFAULTS_TOPICPREFIX", "KESTRA_KAFKA_DEFAULTS_TOPIC_PREFIX"])
def test_an_underscore_stands_for_a_dash_or_nothing(name: str) -> None:
    assert load_settings(None, {name: "mine_"}).kafka.defaults.topic_prefix == "mine_"


def test_topics_and_their_properties_by_variable() -> None:
    settings = load_settings(
        None,
        {
            "KESTRA_KAFKA_DEFAULTS_TOPICS_EXECUTION_INBOX_PARTITIONS": "32",
            "KESTRA_KAFKA_DEFAULTS_TOPICS_LOG_PROPERTIES_RETENTION_MS": "1000",
            "KESTRA_KAFKA_DEFAULTS_TOPIC_PARTITIONS": "8",
        },
    )
    topics = settings.kafka.defaults.topics
    assert (topics.execution_inbox.partitions, topics.log.properties) == (32, {"retention.ms": "1000"})
    assert settings.kafka.defaults.topic.partitions == 8


def test_lists_and_maps_by_variable_are_yaml() -> None:
    settings = load_settings(
        None,
        {
            "KESTRA_PLUGINS_DEFAULTS": "[{type: a.b, values: {x: 1}, forced: true}]",
            "KESTRA_VARIABLES_GLOBALS": "{a: [1, 2]}",
            "KESTRA_VARIABLES_GLOBALS_DATA_CENTER": "north",
        },
    )
    assert [default.model_dump() for default in settings.plugins.defaults] == [{"type": "a.b", "values": {"x": 1}, "forced": True}]
    assert settings.variables.globals_ == {"a": [1, 2], "data_center": "north"}


def test_an_empty_variable_is_not_set() -> None:
    assert load_settings(None, {"KESTRA_SERVER_PORT": "", "KESTRA_CONFIGURATION": ""}) == Settings()


def test_what_kubernetes_tells_about_services_is_no_setting() -> None:
    told = {
        "KESTRA_SERVER_PORT": "tcp://10.0.0.1:8080",
        "KESTRA_SERVER_SERVICE_HOST": "10.0.0.1",
        "KESTRA_SERVICE_PORT": "80",
        "KESTRA_SERVICE_PORT_HTTP_MANAGEMENT": "8081",
        "KESTRA_PORT_80_TCP_PROTO": "tcp",
        "KESTRA_PORT": "tcp://10.0.0.1:80",
        "KESTRA_STREAM_TEST_KAFKA": "127.0.0.1:9092",
    }
    assert load_settings(None, told) == Settings()


def test_the_older_name_of_the_key_is_known() -> None:
    assert load_settings(None, {"KESTRA_STREAM_ENCRYPTION_KEY": f" {SECRET}\n"}).encryption_key == SECRET


def test_a_file_asks_for_the_environment(file: Path) -> None:
    text = "kestra:\n  url: ${SCHEME:http}://${HOST}\n  worker: {slots: '${SLOTS:5}'}\n"
    settings = load(file, text, HOST="here")
    assert (settings.url, settings.worker.slots) == ("http://here", 5)
    assert faults(file, text) == ["2:8: kestra.url: asks for the environment variable HOST, which is not set"]


@pytest.mark.parametrize(("written", "seconds"), [("PT1M30S", 90), ("90s", 90), ("1.5m", 90), ("500ms", 0.5), ("90", 90), ("2h", 7200)])
def test_durations(file: Path, written: str, seconds: float) -> None:
    assert load(file, f"kestra: {{kafka: {{client: {{start-timeout: {written}}}}}}}").kafka.client.start_timeout == timedelta(
        seconds=seconds
    )


def test_all_faults_are_told_at_once_each_with_its_place(file: Path) -> None:
    text = """\
kestra:
  queue:
    typ: memory
  repository: {type: elastic}
  server: {port: 99999}
  worker: [1]
micronaut: {}
queue: {}
"""
    assert faults(file, text, KESTRA_WORKER_SLOTS="none", KESTRA_WORKER_SLOT="1") == [
        "3:5: kestra.queue: `typ` is not known; did you mean `type`?",
        "4:22: kestra.repository.type: must be memory",
        "5:18: kestra.server.port: must be less than or equal to 65535",
        "6:11: kestra.worker: must be a map of settings",
        "7:1: `micronaut` holds settings of the reference's web framework: take it out",
        "8:1: `queue` belongs below `kestra:`",
        "KESTRA_WORKER_SLOT: sets nothing that is known; did you mean `KESTRA_WORKER_SLOTS`?",
        "KESTRA_WORKER_SLOTS: kestra.worker.slots: must be a valid integer, unable to parse string as an integer",
    ]


def test_a_choice_has_its_nearest(file: Path) -> None:
    assert faults(file, "kestra: {queue: {type: kafak}}") == ["1:24: kestra.queue.type: must be memory or kafka; did you mean `kafka`?"]


def test_a_fault_in_a_list_has_its_place(file: Path) -> None:
    text = "kestra:\n  plugins:\n    defaults:\n      - {type: a}\n      - {typ: b, forced: maybe}\n"
    assert faults(file, text) == [
        "5:9: kestra.plugins.defaults[1].type: field required",
        "5:10: kestra.plugins.defaults[1]: `typ` is not known; did you mean `type`?",
        "5:26: kestra.plugins.defaults[1].forced: must be a valid boolean, unable to interpret input",
    ]


def test_a_key_that_is_set_twice_is_told(file: Path) -> None:
    assert faults(file, "kestra: {worker: {slots: 1}}\nkestra.worker.slots: 2\n") == [
        "2:22: kestra.worker.slots: is set twice in this document"
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("kestra: [", "not YAML"),
        ("just text", "settings are a map with the key `kestra`"),
        ("kestra: {}\n---\nkestra: {}\n", "one document"),
        ("kestra: {kafka: {defaults: {topics: {execution_inbx: {}}}}}", "did you mean `execution-inbox`?"),
        ("kestra: {time-zone: Europe/Pariss}", "Pariss"),
        ("kestra: {storage: {cleanup: {age: 99999999999999d}}}", "kestra.storage.cleanup.age: must be less than or equal to 36500 days"),
        ("kestra: {server: {liveness: {heartbeat-interval: P999999999D}}}", "must be less than or equal to 36500 days"),
        ("kestra: {time-zone: +0200x}", "there is no time zone"),
        ("kestra: {encryption: {secret-key: short}}", "base64 of 32 bytes"),
        ("kestra: {kafka: {client: {properties: {group.id: a}}}}", "is set by the engine"),
        ("kestra: {kafka: {client: {properties: [1]}}}", "must be a valid"),
    ],
)
def test_what_is_wrong_is_told(file: Path, text: str, fault: str) -> None:
    assert fault in "\n".join(faults(file, text))


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"none\.yaml: the settings cannot be read: No such file"):
        load_settings(tmp_path / "none.yaml", {})
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    with pytest.raises(Invalid, match="no UTF-8 text"):
        load_settings(tmp_path / "bytes", {})


def test_kafka_needs_a_broker_and_has_no_repository(file: Path) -> None:
    assert load_settings(None, KAFKA).queue.type == "kafka"
    text = "kestra: {queue: {type: kafka}, repository: {type: memory}}"
    told = faults(file, text)
    assert told[0].startswith("1:24: kestra.kafka.client.properties.bootstrap.servers: is needed by `kestra.queue.type: kafka`")
    assert told[1].startswith("1:51: kestra.repository.type: the Kafka family has no repository yet")


def test_no_secret_is_shown(file: Path) -> None:
    secret = "hunter2-very-secret"
    text = f"""
kestra:
  encryption: {{secret-key: {SECRET}}}
  kafka:
    client: {{properties: {{sasl.password: {secret}}}}}
    defaults: {{producer: {{properties: {{ssl.key.password: {secret}}}}}}}
  variables: {{globals: {{token: {secret}}}}}
  storage: {{options: {{secret_key: {secret}}}}}
  plugins: {{defaults: [{{type: a, values: {{password: {secret}}}}}]}}
"""
    settings = load(file, text)
    for shown in (repr(settings), str(settings), f"{settings.kafka}", f"{settings.encryption}"):
        assert secret not in shown
        assert SECRET not in shown


@pytest.mark.parametrize(
    "text",
    [
        "kestra: {encryption: {secret-key: hunter2}}",
        "kestra: {encryption: {secret-key: [hunter2]}}",
        "kestra: {encryption: hunter2}",
        "kestra: {kafka: {client: {properties: hunter2}}}",
        "kestra: {kafka: {client: {properties: {sasl.password: [hunter2], group.id: hunter2}}}}",
        "kestra: {worker: {slots: hunter2}}",
        "kestra: {plugins: {defaults: hunter2}}",
    ],
)
def test_no_fault_shows_what_was_given(file: Path, text: str) -> None:
    with pytest.raises(Invalid) as caught:
        load(file, text, KESTRA_WORKER_GROUP="a", KESTRA_SERVER_PORT="hunter2")
    shown = str(caught.value)
    error: BaseException | None = caught.value
    while error is not None:
        shown += repr(error) + str(error)
        error = error.__cause__ or error.__context__
    assert "hunter2" not in shown


def test_a_section_that_is_told_as_text_is_refused(file: Path) -> None:
    assert faults(file, "kestra: {server: text}") == ["1:18: kestra.server: must be a map of settings"]
    assert section_of(Settings.model_fields["server"]) is not None

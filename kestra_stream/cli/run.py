"""`run`: flow files and inputs in, an execution here or on the log of a settings file, its story and an exit code out."""

import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from kestra_stream.cli.engine.client import Client, connected
from kestra_stream.cli.engine.elsewhere import engine_settings, names_engine
from kestra_stream.cli.given import given_inputs, given_labels, given_timeout
from kestra_stream.cli.interrupts import Interrupts
from kestra_stream.cli.result import print_document, print_refusal, summary_lines
from kestra_stream.cli.session import Session, Terms
from kestra_stream.cli.sources import flow_files, read_all
from kestra_stream.cli.terminal.output import is_terminal, table_or_json
from kestra_stream.cli.terminal.screen import screen_for
from kestra_stream.cli.terminal.view import View
from kestra_stream.engine.vault import KEY_VARIABLE
from kestra_stream.errors import Invalid, InvalidFlow
from kestra_stream.models.execution import Execution
from kestra_stream.models.flow import Flow
from kestra_stream.models.flow_source import FlowSource
from kestra_stream.plugin.context.encryption import check_key
from kestra_stream.settings import EncryptionSettings, LocalStorageSettings, Settings, StorageSettings, load_settings

_ON_PAUSE = ("ask", "stop", "resume", "wait")


@dataclass(frozen=True, slots=True)
class Request:
    """What the command line asked for."""

    paths: Sequence[Path]
    inputs: Sequence[str]
    labels: Sequence[str]
    timeout: str | None
    storage: Path
    output: str
    on_pause: str | None
    config: Path | None = None


def run_flow(request: Request) -> int:
    """Run the first flow of the request and print how it went; return the exit code.

    Raises:
        Invalid: nothing was run, because something that was asked for is wrong; with `-o json` that was printed, too.
    """
    interrupts = Interrupts()
    with interrupts.counted():
        try:
            return _run(request, interrupts)
        except Invalid as error:
            if request.output == "json":
                print_refusal(error)
            raise


def _run(request: Request, interrupts: Interrupts) -> int:
    terms = terms_of(request.on_pause, request.timeout, request.output)
    labels = given_labels(request.labels)
    elsewhere = _settings_elsewhere(request)
    flows = _flows(request.paths, elsewhere)
    inputs = given_inputs(flows[0], request.inputs)
    with _client(request, elsewhere) as client:
        saved = [client.flows.save(_source(flow)) for flow in flows]
        flow = client.door.flow(saved[0].tenant_id, saved[0].namespace, saved[0].id, saved[0].revision)
        if flow is None:
            raise Invalid(f"the flow {saved[0].namespace}.{saved[0].id} could not be stored")
        head = client.executions.create(flow, inputs, labels)
        client.follower.follow(head.id)
        return followed(client, head, Session(client, head.id, terms, interrupts), request.output)


def followed(client: Client, head: Execution, session: Session, output: str) -> int:
    """Show an execution until its end, then what came of it; return the exit code."""
    view = View(client.follower, head.id, client.now)
    with screen_for(view, output) as screen:
        code = session.run(screen)
        screen.end()
        screen.say(summary_lines(client, head))
    if output == "json":
        print_document(client.follower, head, client.now())
    return code


def _client(request: Request, elsewhere: Settings | None) -> AbstractContextManager[Client]:
    keeps = request.output == "json"
    if elsewhere is not None:
        return connected(elsewhere, keeps=keeps)
    storage = StorageSettings(local=LocalStorageSettings(base_path=_writable(request.storage)))
    from kestra_stream.cli.engine.embedded import embedded  # noqa: PLC0415 - loads all components, which a client does without

    return embedded(Settings(storage=storage, encryption=_encryption()), keeps=keeps)


def terms_of(on_pause: str | None, timeout: str | None, output: str, *, kills: bool = True) -> Terms:
    """Return the terms of a session as the command line names them. Raises Invalid for what cannot be."""
    can_ask = table_or_json(output) == "table" and is_terminal(sys.stdin) and is_terminal(sys.stdout)
    chosen = on_pause or ("ask" if can_ask else "stop")
    if chosen not in _ON_PAUSE:
        raise Invalid(f"--on-pause {chosen}: it must be one of {', '.join(_ON_PAUSE)}")
    if chosen == "ask" and not can_ask:
        raise Invalid("--on-pause ask: there is no terminal to ask in; choose stop, resume or wait")
    return Terms(chosen, given_timeout(timeout), kills)


def _settings_elsewhere(request: Request) -> Settings | None:
    """Return the settings of the engine that is named; None when the flow runs here."""
    if request.config is not None:
        return engine_settings(request.config)
    settings = load_settings(None, os.environ) if names_engine(os.environ) else None
    return settings if settings is not None and settings.queue.type != "memory" else None


def _flows(paths: Sequence[Path], elsewhere: Settings | None) -> list[Flow]:
    """Parse all flows, the one to run first, with the defaults of plugins that their engine has. Raises InvalidFlow with all faults."""
    found = read_all(paths, [one.model_dump() for one in elsewhere.plugins.defaults] if elsewhere is not None else ())
    faults = [fault for ones in found.values() for one in ones for fault in one.faults]
    if faults:
        raise InvalidFlow(faults)
    flows = {path: [one.flow for one in ones if one.flow is not None] for path, ones in found.items()}
    first = flows[next(iter(flows))][0]
    if first.disabled:
        raise Invalid(f"the flow {first.namespace}.{first.id} is disabled; take `disabled: true` away to run it")
    if paths[0].is_dir() and len(files := list(flow_files(paths[0]))) > 1:
        raise Invalid(f"{paths[0]} holds {len(files)} flow files: name the one that is to run first, then the folder")
    _refuse_twins(flows)
    return [flow for several in flows.values() for flow in several]


def _refuse_twins(flows: Mapping[Path, Sequence[Flow]]) -> None:
    """Raise Invalid when two documents are the same flow: nobody could tell which of them is called."""
    places: dict[tuple[str, str], Path] = {}
    for path, several in flows.items():
        for flow in several:
            name = (flow.namespace, flow.id)
            if name in places:
                raise Invalid(f"the flow {flow.namespace}.{flow.id} is in {places[name]} and again in {path}; leave one of them out")
            places[name] = path


def _source(flow: Flow) -> FlowSource:
    return FlowSource(flow.tenant_id, flow.namespace, flow.id, 0, flow.source, {}, flow.disabled)


def _encryption() -> EncryptionSettings:
    """Return the settings with the encryption key of the environment. Raises Invalid for what is no key."""
    key = os.environ.get(KEY_VARIABLE, "").strip()
    try:
        return EncryptionSettings(secret_key=SecretStr(check_key(key)) if key else None)
    except Invalid as error:
        raise Invalid(f"{KEY_VARIABLE}: {error}") from error


def _writable(folder: Path) -> Path:
    """Return the folder of the storage, made if it is missing. Raises Invalid when nothing can be written there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise Invalid(f"--storage {folder}: files cannot be written there ({error.strerror}); name another folder") from error
    return folder

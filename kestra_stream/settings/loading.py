"""Loading: a file and the environment in, checked settings out, or every fault with its place.

What is set later wins: the variable KESTRA_CONFIGURATION (a whole document), the file, single variables.
"""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from kestra_stream.document.yaml_reader import load_documents
from kestra_stream.errors import Fault, Invalid
from kestra_stream.settings.binding import Binder, Bound, over, placeholders
from kestra_stream.settings.consistency import contradictions
from kestra_stream.settings.environment import WHOLE, variables
from kestra_stream.settings.sections import Settings

_LENGTH = re.compile(r"datetime\.timedelta\((?:0|(?:days=(\d+))?(?:, )?(?:seconds=(\d+))?)\)")


class InvalidSettings(Invalid):
    """Settings have faults; all of them are in `faults`."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = tuple(faults)


def load_settings(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Return the settings of a file (none for the defaults), with what the environment sets over them.

    Raises:
        InvalidSettings: with every fault; no message holds a value that may be a secret.
    """
    layers: list[Bound] = []
    if environ.get(WHOLE):
        layers.append(_document(environ[WHOLE], WHOLE, environ))
    if path is not None:
        layers.append(_document(_text(path), str(path), environ))
    layers.append(variables(environ))
    whole = Bound()
    for layer in layers:
        whole.data = over(whole.data, layer.data)
        whole.origins |= layer.origins
        whole.faults.extend(layer.faults)
    settings = _checked(whole)
    if settings is None or whole.faults:
        raise InvalidSettings(sorted(whole.faults, key=lambda fault: (fault.file, fault.line, fault.column)))
    return settings


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise InvalidSettings([Fault(f"the settings cannot be read: {error.strerror}", file=str(path))]) from error
    except UnicodeDecodeError as error:
        raise InvalidSettings([Fault("the settings are no UTF-8 text", file=str(path))]) from error


def _document(text: str, file: str, environ: Mapping[str, str]) -> Bound:
    documents = load_documents(text, file)
    binder = Binder(file, placeholders(environ))
    faults = [fault for document in documents for fault in document.faults]
    if len(documents) > 1 and not faults:
        faults.append(Fault("settings are one document; take the other ones out", "", file, *documents[1].place.mark))
    if documents and not faults:
        binder.document(documents[0].data, documents[0].place)
    binder.bound.faults.extend(faults)
    return binder.bound


def _checked(whole: Bound) -> Settings | None:
    """Validate; add what is wrong to the faults."""
    try:
        settings = Settings.model_validate(whole.data)
    except ValidationError as error:
        for detail in error.errors(include_url=False, include_context=True):
            place = detail["loc"]
            whole.faults.append(whole.origin(place).fault(_sentence(detail), place))
        return None
    for path, message, cause in contradictions(settings):
        whole.faults.append(whole.origin(cause).fault(message, path))
    return settings


def _sentence(detail: ErrorDetails) -> str:
    message = detail["msg"].removeprefix("Value error, ").replace("Input should be", "must be", 1)
    if detail["type"] == "literal_error" and isinstance(given := detail.get("input"), str):
        known = str(detail.get("ctx", {})["expected"]).replace("'", "").replace(" or ", ", ").split(", ")
        near = get_close_matches(given, known, 1)
        message = f"must be {' or '.join(known)}" + (f"; did you mean `{near[0]}`?" if near else "")
    return message[:1].lower() + _LENGTH.sub(_spelled, message[1:])


def _spelled(found: re.Match[str]) -> str:
    """Write a length of time as people do: pydantic writes it as Python does."""
    days, seconds = (int(number or 0) for number in found.groups())
    return f"{days} days" if days and not seconds else f"{days * 86_400 + seconds} seconds"

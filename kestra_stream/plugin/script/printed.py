"""What a script prints -> log lines, and messages to the engine: `::{"outputs": {...}, "metrics": [...], "logs": [...]}::`."""

import re
from collections.abc import Mapping
from typing import Any

import orjson

from kestra_stream.models.records import Level
from kestra_stream.plugin.api import RunContext
from kestra_stream.plugin.process.line_splitter import PROTOCOL_BYTES, PROTOCOL_START

_MESSAGE = re.compile(r"^::(\{.*\})::$", re.DOTALL)
_LEVELS = {"WARNING": Level.WARN, "CRITICAL": Level.ERROR, "FATAL": Level.ERROR} | {level.value: level for level in Level}


class Printed:
    """Collects what both streams of a script say.

    Attributes:
        variables: outputs that the script has set.
        out_lines, err_lines: how many lines there were.
        refused: why a message to the engine could not be taken, although it would have been one.
    """

    def __init__(self, context: RunContext) -> None:
        self._context = context
        self.variables: dict[str, Any] = {}
        self.out_lines = 0
        self.err_lines = 0
        self.refused: str | None = None

    def out(self, content: bytes, cut: int) -> None:
        """Take a line of the standard output."""
        self.out_lines += 1
        self._line(Level.INFO, content, cut)

    def err(self, content: bytes, cut: int) -> None:
        """Take a line of the standard error."""
        self.err_lines += 1
        self._line(Level.ERROR, content, cut)

    def _line(self, level: Level, content: bytes, cut: int) -> None:
        if cut and content.startswith(PROTOCOL_START):
            self.refused = (
                f"The script printed a message `::{{...}}::` of {len(content) + cut:,} bytes; only {PROTOCOL_BYTES:,} are read, "
                "so its outputs are lost. Write what is big to a file and name that in `outputFiles`"
            )
            return
        text = content.decode("utf-8", errors="replace")
        found = _MESSAGE.match(text.strip()) if text.lstrip().startswith("::{") else None
        if found is None:
            self._context.logger.log(level, text, cut=cut)
            return
        try:
            message = orjson.loads(found[1])
            self._take(message)
        except (orjson.JSONDecodeError, TypeError, ValueError, AttributeError, KeyError) as error:
            problem = f"Invalid outputs '{text[:1000]}': {error}"
            self._context.logger.warning(problem)

    def _take(self, message: Mapping[str, Any]) -> None:
        self.variables.update(message.get("outputs") or {})
        for name, value in (message.get("encryptedOutputs") or {}).items():
            text = value if isinstance(value, str) else orjson.dumps(value).decode()
            self._context.mask(text)
            self.variables[name] = self._context.encrypt(text)
        for metric in message.get("metrics") or ():
            self._measure(metric)
        for line in message.get("logs") or ():
            self._context.logger.log(_LEVELS.get(str(line.get("level", "INFO")).upper(), Level.INFO), str(line.get("message", "")))

    def _measure(self, metric: Mapping[str, Any]) -> None:
        name, value = str(metric["name"]), float(metric["value"])
        tags = {str(key): str(text) for key, text in (metric.get("tags") or {}).items()}
        match str(metric["type"]).lower():
            case "counter":
                self._context.counter(name, value, **tags)
            case "timer":
                self._context.timer(name, value, **tags)
            case "gauge":
                self._context.gauge(name, value, **tags)
            case other:
                raise ValueError(f"a metric of type '{other}' is neither counter, timer nor gauge")

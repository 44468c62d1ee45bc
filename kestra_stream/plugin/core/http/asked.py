"""What `http()` of an expression asks for: arguments of the call -> the answer's value. Nothing in them is rendered again."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import orjson
from pydantic import ValidationError

from kestra_stream.errors import ExpressionError
from kestra_stream.models.property import Property
from kestra_stream.plugin.api import Files, TaskFailed
from kestra_stream.plugin.core.http.call import HttpCall
from kestra_stream.plugin.core.http.exchange import opened
from kestra_stream.plugin.core.http.request import MAX_BODY, decoded

T = TypeVar("T")
Stopping = Callable[[Callable[[], None]], AbstractContextManager[None]]


class Silence:
    """The log of an expression: there is none."""

    def debug(self, message: str) -> None:
        """Drop a line."""


@dataclass(frozen=True, slots=True)
class Given:
    """The little of a run context that an exchange uses: what the call holds was rendered before.

    Attributes:
        files: internal storage, for a stored file as body.
        on_kill: calls a function when the attempt is stopped inside the block.
        logger: where an exchange would tell what goes on; an expression tells nothing.
    """

    files: Files
    on_kill: Stopping
    logger: Silence = field(default_factory=Silence)

    def render(self, value: Property[T]) -> T:
        """Give a property as it stands."""
        return value.render(lambda raw: raw)


def ask(given: Given, arguments: Mapping[str, object]) -> Any:
    """Make the request. An answer of JSON is a value, any other is text.

    Raises:
        ExpressionError: an argument does not fit, there was no answer, or one that means failure.
    """
    try:
        call = HttpCall.model_validate({name: value for name, value in arguments.items() if value is not None})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise ExpressionError(f"http(): `{'.'.join(map(str, first['loc']))}`: {first['msg']}") from None
    limit = call.options.max_content_length
    try:
        with opened(given, call) as answer:
            content = answer.body(given.render(limit) if limit is not None else MAX_BODY)
            charset = answer.charset or given.render(call.options.default_charset)
            kind = (answer.header("content-type") or "").partition(";")[0].strip().lower()
    except TaskFailed as error:
        raise ExpressionError(f"http(): {error}") from None
    if kind != "application/json" and not kind.endswith("+json"):
        return decoded(content, charset)
    try:
        return orjson.loads(content) if content else None
    except orjson.JSONDecodeError as error:
        raise ExpressionError(f"http(): {call.uri.raw}: the answer is said to be JSON, but does not parse: {error}") from None

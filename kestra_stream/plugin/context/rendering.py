"""Rendering for one attempt: (template or structure, extra variables) -> text or typed value."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from kestra_stream.expression.environment import Environment
from kestra_stream.models.property import has_expression
from kestra_stream.plugin.context.services import Services


class SystemRandom:
    """Random bytes from the operating system."""

    def random_bytes(self, count: int) -> bytes:
        """Give `count` bytes."""
        return os.urandom(count)


SYSTEM_RANDOM = SystemRandom()


class Rendering:
    """Renders with variables that are completed at the first expression."""

    __slots__ = ("_complete", "_directory", "_environment", "_functions", "_root", "_services")

    def __init__(
        self,
        complete: Callable[[], dict[str, object]],
        functions: Callable[[], Mapping[str, Callable[..., object]]],
        services: Services,
        directory: Callable[[], Path],
    ) -> None:
        self._complete = complete
        self._functions = functions
        self._services = services
        self._directory = directory
        self._root: dict[str, Any] | None = None
        self._environment: Environment | None = None

    @property
    def variables(self) -> Mapping[str, Any]:
        """The root of the context."""
        if self._root is None:
            self._root = self._complete()
        return self._root

    def text(self, value: object, extra: Mapping[str, object] | None) -> Any:
        """Render text to text, and a map or list item by item."""
        return self._render(value, extra, typed=False)

    def typed(self, value: object, extra: Mapping[str, object] | None) -> Any:
        """Render, keeping native types where a whole text is one expression."""
        return self._render(value, extra, typed=True)

    def _render(self, value: object, extra: Mapping[str, object] | None, *, typed: bool) -> Any:
        if not has_expression(value):
            return value
        from kestra_stream.expression import compile_template, render_structure  # noqa: PLC0415 - most attempts render nothing

        variables = self._with_extra(value, extra)
        environment = self._environment or self._make_environment()
        if isinstance(value, str) and not typed:
            return compile_template(value).render(variables, environment)
        return render_structure(value, variables, environment, typed=typed)

    def _with_extra(self, value: object, extra: Mapping[str, object] | None) -> Mapping[str, Any]:
        variables = self.variables
        # The directory is made only for a template that asks for it.
        if "workingDir" not in variables and "workingDir" in (value if isinstance(value, str) else repr(value)):
            self._root = {**variables, "workingDir": str(self._directory())}
            variables = self._root
        return {**variables, **extra} if extra else variables

    def _make_environment(self) -> Environment:
        self._environment = Environment(
            now=self._services.now,
            zone=self._services.zone,
            random=SYSTEM_RANDOM,
            functions=self._functions(),
            recursive=self._services.recursive,
            work_time=self._services.work_time,
        )
        return self._environment

"""Inputs of a flow: their types and limits. Coercion of values lives in `engine/inputs.py`."""

from datetime import date, time
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, AwareDatetime, BeforeValidator, Field

from kestra_stream.models.document_model import Written
from kestra_stream.models.duration import Duration


class InputType(StrEnum):
    """The name of an input's (or flow output's) type."""

    STRING = "STRING"
    ENUM = "ENUM"
    SELECT = "SELECT"
    MULTISELECT = "MULTISELECT"
    INT = "INT"
    FLOAT = "FLOAT"
    BOOLEAN = "BOOLEAN"
    BOOL = "BOOL"
    DATETIME = "DATETIME"
    DATE = "DATE"
    TIME = "TIME"
    DURATION = "DURATION"
    FILE = "FILE"
    JSON = "JSON"
    YAML = "YAML"
    URI = "URI"
    SECRET = "SECRET"
    ARRAY = "ARRAY"
    EMAIL = "EMAIL"


class DependsOn(Written):
    """An input that is asked for only when these inputs are enabled and the condition is true."""

    inputs: tuple[str, ...]
    condition: str | None = None


class Input(Written):
    """Properties that every input has."""

    id: str = Field(pattern=r"^[a-zA-Z0-9][.a-zA-Z0-9_-]*$", validation_alias=AliasChoices("id", "name"))
    type: Any
    description: str | None = None
    display_name: str | None = Field(default=None, max_length=64)
    required: bool = True
    defaults: Any = None
    prefill: Any = None
    depends_on: DependsOn | None = None


class StringInput(Input):
    """Text, optionally matched as a whole by a regular expression."""

    type: Literal["STRING"]
    validator: str | None = None


class SecretInput(Input):
    """Text that is stored encrypted and masked in logs."""

    type: Literal["SECRET"]
    validator: str | None = None


def _as_text(value: object) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


Choice = Annotated[str, BeforeValidator(_as_text)]
"""One value of a list; `true` and numbers stand for their text."""


class EnumInput(Input):
    """Deprecated form of SELECT."""

    type: Literal["ENUM"]
    values: tuple[Choice, ...] = Field(min_length=1)


class SelectInput(Input):
    """One value of a list, given or rendered from an expression."""

    type: Literal["SELECT"]
    values: tuple[Choice, ...] | None = None
    expression: str | None = None
    allow_custom_value: bool = False
    is_radio: bool = False
    auto_select_first: bool = False


class MultiselectInput(Input):
    """Several values of a list, each coerced to `itemType`."""

    type: Literal["MULTISELECT"]
    values: tuple[Choice, ...] | None = Field(default=None, validation_alias=AliasChoices("values", "options"))
    expression: str | None = None
    item_type: InputType = InputType.STRING
    allow_custom_value: bool = False
    auto_select_first: bool = False


class IntInput(Input):
    """A whole number within inclusive limits."""

    type: Literal["INT"]
    min: int | None = None
    max: int | None = None


class FloatInput(Input):
    """A 32-bit floating point number within inclusive limits."""

    type: Literal["FLOAT"]
    min: float | None = None
    max: float | None = None


class BooleanInput(Input):
    """true or false."""

    type: Literal["BOOLEAN", "BOOL"]


class DatetimeInput(Input):
    """An instant with a zone, within inclusive limits."""

    type: Literal["DATETIME"]
    after: AwareDatetime | None = None
    before: AwareDatetime | None = None


class DateInput(Input):
    """A local date within inclusive limits."""

    type: Literal["DATE"]
    after: date | None = None
    before: date | None = None


class TimeInput(Input):
    """A local time within inclusive limits."""

    type: Literal["TIME"]
    after: time | None = None
    before: time | None = None


class DurationInput(Input):
    """An ISO-8601 duration within inclusive limits."""

    type: Literal["DURATION"]
    min: Duration | None = None
    max: Duration | None = None


class FileInput(Input):
    """A file in internal storage."""

    type: Literal["FILE"]
    extension: str | None = None
    allowed_file_extensions: tuple[str, ...] | None = None


class StructureInput(Input):
    """Any JSON value, as text or as structure."""

    type: Literal["JSON", "YAML"]


class UriInput(Input):
    """Text that looks like a URI."""

    type: Literal["URI"]


class EmailInput(Input):
    """Text that looks like an e-mail address."""

    type: Literal["EMAIL"]


class ArrayInput(Input):
    """A list, each item coerced to `itemType`."""

    type: Literal["ARRAY"]
    item_type: InputType


AnyInput = Annotated[
    StringInput
    | SecretInput
    | EnumInput
    | SelectInput
    | MultiselectInput
    | IntInput
    | FloatInput
    | BooleanInput
    | DatetimeInput
    | DateInput
    | TimeInput
    | DurationInput
    | FileInput
    | StructureInput
    | UriInput
    | EmailInput
    | ArrayInput,
    Field(discriminator="type"),
]

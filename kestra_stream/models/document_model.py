"""The common ground of everything that a user writes: frozen, strict about unknown keys, camelCase in YAML."""

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Written(BaseModel):
    """A part of a flow document. Unknown keys are faults; keys are camelCase in the document and snake_case here."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True, validate_by_alias=True, arbitrary_types_allowed=True
    )

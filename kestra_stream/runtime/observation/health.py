"""Health: what the parts of a process say of themselves in, the answer that probes get out, in the shape of the reference's server."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

APPLICATION = "kestra-stream"


class Status(StrEnum):
    """Whether something is as it should be."""

    UP = "UP"
    DOWN = "DOWN"


@dataclass(frozen=True, slots=True)
class Health:
    """What one part says.

    Attributes:
        details: what a person would want to know, as JSON.
    """

    status: Status
    details: Mapping[str, object] = field(default_factory=dict[str, object])

    @classmethod
    def of(cls, *, is_up: bool, **details: object) -> "Health":
        """Return UP or DOWN with details."""
        return cls(Status.UP if is_up else Status.DOWN, details)

    @classmethod
    def whole(cls, parts: "Mapping[str, Health]") -> "Health":
        """Return the health of a whole: one part that is down takes it down."""
        is_up = all(part.status is Status.UP for part in parts.values())
        return cls.of(is_up=is_up, **{name: part.as_json() for name, part in parts.items()})

    def as_json(self) -> dict[str, object]:
        """Return the document."""
        document: dict[str, object] = {"name": APPLICATION, "status": self.status.value}
        return document | {"details": dict(self.details)} if self.details else document

"""FlowSource: one saved revision of a flow as it is stored and sent; `plugin/flow_source.py` turns it into a Flow."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class FlowSource:
    """One saved revision of a flow; `parsed` is the document as plain data, with nothing injected."""

    tenant_id: str
    namespace: str
    id: str
    revision: int
    source: str
    parsed: Mapping[str, Any]
    disabled: bool = False
    deleted: bool = False
    updated_at: datetime | None = None

"""A row as the variables of an expression."""

from collections.abc import Mapping
from typing import Any


def as_variables(row: object) -> Mapping[str, Any]:
    """Return the fields of a row; a row that is no map is `value`."""
    return row if isinstance(row, Mapping) else {"value": row}

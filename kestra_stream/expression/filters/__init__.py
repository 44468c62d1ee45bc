"""The filters of the language, by name; each module holds those of one theme."""

from kestra_stream.expression.filters import collections, dates, encoding, ion_text, jq, json_text, numbers, text, yaml_text
from kestra_stream.expression.native import Native

FILTERS: dict[str, Native] = {
    **text.FILTERS,
    **encoding.FILTERS,
    **collections.FILTERS,
    **numbers.FILTERS,
    **dates.FILTERS,
    **json_text.FILTERS,
    **yaml_text.FILTERS,
    **ion_text.FILTERS,
    **jq.FILTERS,
}

__all__ = ["FILTERS"]

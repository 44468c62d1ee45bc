"""Whether two documents of schemas can live side by side: each reader reads what the other side writes, and what lies on the topics.

A change is either compatible, or an addition that only newer readers understand (a kind of a union, a value of an enum: an older reader
takes such a record to the dead letters, from where it can be redriven), or a break. What this checker does not know is a break.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Schema = Mapping[str, Any]
# What says nothing about which values are allowed.
_REMARKS = frozenset({"title", "description", "default", "examples", "discriminator"})
_LIMITS = frozenset(
    {
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "minLength",
        "maxLength",
        "minItems",
        "maxItems",
        "pattern",
        "format",
        "contentEncoding",
    }
)
_SHAPES = frozenset(
    {
        "type",
        "properties",
        "required",
        "additionalProperties",
        "items",
        "prefixItems",
        "enum",
        "const",
        "anyOf",
        "oneOf",
        "$ref",
        "uniqueItems",
    }
)


@dataclass(slots=True)
class Comparison:
    """What came out: places with what is wrong there, and places with what was added."""

    breaks: list[str] = field(default_factory=list[str])
    additions: list[str] = field(default_factory=list[str])


def compare(old: Schema, new: Schema) -> Comparison:
    """Compare two bundles (`kestra_stream.queue.schema.bundle`), the older one first."""
    walk = _Walk(old.get("$defs", {}), new.get("$defs", {}))
    for topic, schema in old["x-topics"].items():
        if topic not in new["x-topics"]:
            walk.found.breaks.append(f"{topic}: is no longer there")
        else:
            walk.compare(topic, schema, new["x-topics"][topic])
    return walk.found


class _Walk:
    """Goes through two documents side by side; a pair of definitions is compared once."""

    def __init__(self, old: Schema, new: Schema) -> None:
        self._definitions = (old, new)
        self._seen: set[tuple[str, str]] = set()
        self.found = Comparison()

    def compare(self, place: str, old: Schema, new: Schema) -> None:
        pair = (old.get("$ref", ""), new.get("$ref", ""))
        if all(pair):
            if pair in self._seen:
                return
            self._seen.add(pair)
        earlier, later = self._alternatives(old, 0), self._alternatives(new, 1)
        for key, schema in earlier.items():
            if key in later:
                self._one(f"{place}.{key}" if len(earlier) > 1 else place, schema, later[key])
            else:
                self._break(place, f"{key} is no longer allowed: old records cannot be read")
        for key in sorted(set(later) - set(earlier)):
            if "=" in key and all("=" in other for other in earlier):
                self.found.additions.append(f"{place}: {key}")
            else:
                self._break(place, f"{key} is newly allowed: old readers cannot read it")

    def _alternatives(self, schema: Schema, side: int) -> Mapping[str, Schema]:
        """Return what a schema allows, each under what tells it from the others: a constant field, or its type."""
        schema = self._resolved(schema, side)
        members = schema.get("anyOf") or schema.get("oneOf")
        if members is None:
            return {self._key(schema): schema}
        found: dict[str, Schema] = {}
        for member in members:
            for key, inside in self._alternatives(member, side).items():
                if key in found:
                    self._break("", f"two alternatives of a union cannot be told apart: {key}")
                found[key] = inside
        return found

    def _resolved(self, schema: Schema, side: int) -> Schema:
        while "$ref" in schema:
            schema = self._definitions[side][schema["$ref"].rpartition("/")[2]]
        return schema

    def _key(self, schema: Schema) -> str:
        constants = (
            f"{name}={value['const']}"
            for name, value in sorted(schema.get("properties", {}).items())
            if name in {"kind", "type"} and "const" in value
        )
        return next(constants, str(schema.get("type", "any" if "enum" not in schema and "const" not in schema else "string")))

    def _one(self, place: str, old: Schema, new: Schema) -> None:
        for schema in (old, new):
            for name in sorted(set(schema) - _REMARKS - _LIMITS - _SHAPES):
                self._break(place, f"`{name}` is nothing that this checker understands")
        for name in sorted(_LIMITS | {"uniqueItems"}):
            if old.get(name) != new.get(name):
                self._break(place, f"{name} was {old.get(name)}, is {new.get(name)}")
        self._values(place, old, new)
        self._fields(place, old, new)
        for name in ("items", "additionalProperties"):
            if isinstance(old.get(name, {}), Mapping) and isinstance(new.get(name, {}), Mapping):
                if name in old or name in new:
                    self.compare(f"{place}[]" if name == "items" else f"{place}.*", old.get(name, {}), new.get(name, {}))
            elif old.get(name, True) != new.get(name, True):
                self._break(place, f"{name} was {old.get(name, True)}, is {new.get(name, True)}")
        self._places(place, old.get("prefixItems", []), new.get("prefixItems", []))

    def _values(self, place: str, old: Schema, new: Schema) -> None:
        earlier, later = _allowed(old), _allowed(new)
        if (earlier is None) != (later is None):
            self._break(place, "was a choice of values, or is one now")
        for value in sorted(set(earlier or ()) - set(later or ())):
            self._break(place, f"the value {value} is no longer allowed: old records cannot be read")
        if "const" in old and earlier != later:
            self._break(place, f"the constant was {old['const']}")
        self.found.additions += [f"{place}: {value}" for value in sorted(set(later or ()) - set(earlier or ()))]

    def _fields(self, place: str, old: Schema, new: Schema) -> None:
        earlier, later = old.get("properties", {}), new.get("properties", {})
        needed_then, needed_now = set(old.get("required", ())), set(new.get("required", ()))
        for name in sorted(needed_now - needed_then):
            self._break(f"{place}.{name}", "is required now: old records may lack it")
        for name in sorted(needed_then - needed_now):
            self._break(f"{place}.{name}", "may be missing now: old readers need it")
        for name in sorted(earlier.keys() & later.keys()):
            self.compare(f"{place}.{name}", earlier[name], later[name])

    def _places(self, place: str, old: list[Schema], new: list[Schema]) -> None:
        if len(old) != len(new):
            self._break(place, f"had {len(old)} places, has {len(new)}")
        for number, (earlier, later) in enumerate(zip(old, new, strict=False)):
            self.compare(f"{place}[{number}]", earlier, later)

    def _break(self, place: str, message: str) -> None:
        self.found.breaks.append(f"{place}: {message}" if place else message)


def _allowed(schema: Schema) -> frozenset[str] | None:
    """Return the values of an enum or constant as text, None where any will do."""
    if "const" in schema:
        return frozenset({repr(schema["const"])})
    return frozenset(map(repr, schema["enum"])) if "enum" in schema else None


def all_schemas(document: Any) -> Iterator[dict[str, Any]]:
    """Return every mapping inside a document (for tests that plant changes)."""
    if isinstance(document, dict):
        yield document
        for value in document.values():
            yield from all_schemas(value)
    elif isinstance(document, list):
        for value in document:
            yield from all_schemas(value)

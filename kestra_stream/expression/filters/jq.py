"""The `jq` filter.

jq is C code that nothing can interrupt, and it can be asked for endless work (`repeat(.)`), for gigabytes (`"x" * 1e9`) and for
the process's environment (`env`). So a program is looked at first. What is made of paths, pipes, comparisons and a list of
harmless functions, and whose generators can not multiply to more than a few million steps over this input, runs here, in
microseconds. Anything else runs in a process of its own with an empty environment, limits on CPU time and memory, and a timeout;
that costs some 50 ms, and as many steps as the program used microseconds.
"""

import json
import re
import sys
from functools import lru_cache
from typing import TYPE_CHECKING

from kestra_stream.expression.frame import Frame
from kestra_stream.expression.native import Native, native
from kestra_stream.expression.operators import kind_of
from kestra_stream.expression.printing import json_text

if TYPE_CHECKING:
    import jq as jq_library

_MAX_PROGRAM = 10_000
_MAX_STEPS_HERE = 2_000_000
_START_STEPS = 50_000
_STEPS_A_SECOND = 1_000_000
_START_SECONDS = 2.0
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|\.[A-Za-z_]\w*|[A-Za-z_]\w*\s*:|[$@]?[A-Za-z_]\w*|\.\.|\[\s*\]|\?//|//|[=!<>]=|[,*#=+-]')
_HARMLESS = frozenset({
    "select", "keys", "keys_unsorted", "values", "length", "has", "in", "not", "type", "empty", "error", "tonumber", "fromjson",
    "sort", "min", "max", "unique", "reverse", "first", "last", "nth", "split", "ascii_downcase", "ascii_upcase", "ltrimstr",
    "rtrimstr", "startswith", "endswith", "floor", "ceil", "round", "sqrt", "abs", "to_entries", "from_entries", "add", "del",
    "flatten", "nulls", "booleans", "numbers", "strings", "arrays", "objects", "iterables", "scalars", "true", "false", "null",
    "if", "then", "elif", "else", "end", "and", "or", "try", "catch", "utf8bytelength", "todate", "fromdate", "toarray", "==",
    "!=", "<=", ">=", "//",
})  # fmt: skip
# Each multiplies what there is by the size of the input at most: several results of one, or a pass over a list in each of its items.
_GENERATORS = frozenset({
    "[]", ",", "..", "-", "map", "map_values", "with_entries", "any", "all", "sort_by", "group_by", "min_by", "max_by",
    "unique_by", "contains", "inside", "join", "transpose",
})  # fmt: skip
# Each makes a value a few times larger at most.
_GROWERS = frozenset({
    "+", "tostring", "tojson", "explode", "implode", "@text", "@json", "@base64", "@base64d", "@uri", "@csv", "@tsv", "@html",
    "@sh",
})  # fmt: skip
_GROWTH = 4
_MODULES = re.compile(r"\b(?:import|include)\b")

_CHILD = """
import json, resource, signal, sys, time
seconds, characters = float(sys.argv[1]), int(sys.argv[2])
signal.setitimer(signal.ITIMER_PROF, seconds)
resource.setrlimit(resource.RLIMIT_CPU, (int(seconds) + 1, int(seconds) + 2))
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
program, text = json.load(sys.stdin)
import jq
began = time.process_time()
written = 0
try:
    for result in jq.compile(program).input_text(text):
        line = json.dumps(result)
        written += len(line)
        if written > characters:
            sys.exit(3)
        print(line)
    print(time.process_time() - began)
except ValueError as error:
    print(error, file=sys.stderr)
    sys.exit(2)
"""


def jq(value: object, frame: Frame, expression: object) -> list[object]:
    """Run a jq program on a value and list all its results."""
    if not isinstance(expression, str):
        raise TypeError(f"the program is a text, not a {kind_of(expression)}")
    if len(expression) > _MAX_PROGRAM:
        raise ValueError(f"a jq program has {_MAX_PROGRAM} characters at most")
    text = json_text(value, frame)
    shape = _shape(expression)
    if shape is not None and max(len(text), 2) ** shape[0] * _GROWTH ** shape[1] <= _MAX_STEPS_HERE:
        frame.charge(len(text) >> 2)
        results = _program(expression).input_text(text).all()
        frame.check_items(len(results))
        return list(results)
    return _run_apart(expression, text, frame)


@lru_cache(maxsize=256)
def _program(expression: str) -> "jq_library.Program":
    import jq as jq_library  # noqa: PLC0415 - loaded where it is used: importing the language must be quick

    return jq_library.compile(expression)


@lru_cache(maxsize=1024)
def _shape(expression: str) -> tuple[int, int] | None:
    """Count what multiplies and what enlarges values; None for a program that is not surely harmless."""
    generators = growers = 0
    for token in _TOKEN.findall(expression):
        if token in _GENERATORS:
            generators += 1
        elif token in _GROWERS:
            growers += 1
        elif token[0] == '"':
            if "\\(" in token:
                return None
        elif token not in _HARMLESS and token[0] != "." and token[-1] != ":":
            return None
    return generators, growers


def _run_apart(expression: str, text: str, frame: Frame) -> list[object]:
    import subprocess  # noqa: PLC0415 - as above

    if _MODULES.search(expression):
        raise ValueError("a jq program can not load modules")
    budget = frame.environment.budget
    frame.charge(_START_STEPS)
    seconds = budget.regex_seconds
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter, our own program; the user's jq goes in as data
            [sys.executable, "-I", "-c", _CHILD, str(seconds), str(budget.characters)],
            input=json.dumps([expression, text]),
            capture_output=True,
            encoding="utf-8",
            env={},
            timeout=seconds + _START_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        frame.exceeded(f"more than {seconds} seconds for one jq program")
    if done.returncode == 2:  # noqa: PLR2004 - the child's sign for an error of the program
        raise ValueError(done.stderr.strip())
    if done.returncode != 0:
        frame.exceeded(f"more than {seconds} seconds, 1 GiB or {budget.characters:,} characters for one jq program")
    *lines, used = done.stdout.splitlines()
    frame.charge(int(float(used) * _STEPS_A_SECOND))
    frame.check_items(len(lines))
    return [json.loads(line) for line in lines]


FILTERS: dict[str, Native] = {"jq": native(jq, "expression")}

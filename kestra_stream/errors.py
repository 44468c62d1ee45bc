"""The tree of errors.

KestraError
├── Invalid                 what a person wrote or sent is wrong: refuse it, name the place and the remedy
│   ├── InvalidFlow         a flow document with one or more faults
│   ├── InvalidInputs       values given for a flow's inputs
│   ├── InvalidExpression   a template that does not parse
│   └── InvalidUri          a storage URI that points outside its place
├── ExpressionError         a template that parses but cannot be rendered
│   ├── Undefined           a name that is not there
│   └── BudgetExceeded      steps, output size, depth or time of a template
├── LookupNeeded            a flowable's expression wants IO; carries the calls (not a fault: the engine answers it)
├── IllegalTransition       a command that the state of the execution does not allow
├── NotFound                a flow, execution, file or key that is not there
├── Retryable               may work the next time
│   └── Unavailable         a service that does not answer
│       └── NotAllowed      it refuses what this process lacks a right for, which somebody may give at any time
└── Fatal                   the process must stop
    ├── Fenced              what this process was about to commit is another's by now: it gives up the work, and joins anew
    └── Replaced            another process lives under this one's name: this one stops
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


class KestraError(Exception):
    """Root of every error that this project raises on purpose."""


class Invalid(KestraError):
    """What a person wrote or sent is wrong; the message names the place and the remedy."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong in a document.

    Attributes:
        message: what is wrong, and what would be right.
        path: the place inside the document, as `tasks[2].retry.interval`; empty for the whole document.
        file: the file's name as the user gave it, when there is one.
        line: 1-based line in the file; 0 when unknown.
        column: 1-based column; 0 when unknown.
    """

    message: str
    path: str = ""
    file: str = ""
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        """Print `file:line:column: path: message`, leaving out what is unknown."""
        place = f"{self.file}:{self.line}:{self.column}: " if self.line else (f"{self.file}: " if self.file else "")
        return f"{place}{self.path + ': ' if self.path else ''}{self.message}"


class InvalidFlow(Invalid):
    """A flow document has faults; all of them are in `faults`, in the order of the document."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = tuple(faults)


class InvalidInputs(Invalid):
    """Values given for a flow's inputs do not fit; `faults` has one entry an input (its id is the path)."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("\n".join(fault.message for fault in faults))
        self.faults = tuple(faults)


class InvalidExpression(Invalid):
    """A template does not parse."""


class InvalidUri(Invalid):
    """A storage URI is malformed or points outside the place it may name."""


class ExpressionError(KestraError):
    """A template cannot be rendered with the variables it was given."""


class Undefined(ExpressionError):
    """A name, attribute, key or index is not there."""


class BudgetExceeded(ExpressionError):
    """A template used more steps, output, depth or time than one expression may."""


class LookupNeeded(KestraError):
    """A function that needs IO was called where none is allowed.

    Attributes:
        call: name of the function, positional and named arguments.
    """

    def __init__(self, name: str, args: tuple[object, ...], kwargs: Mapping[str, object]) -> None:
        super().__init__(f"{name}() must be looked up")
        self.call = (name, args, dict(kwargs))


class IllegalTransition(KestraError):
    """A command that the present state of the execution does not allow."""


class NotFound(KestraError):
    """What was asked for is not there."""


class Retryable(KestraError):
    """The same call may work the next time."""


class Unavailable(Retryable):
    """A service does not answer."""


class NotAllowed(Unavailable):
    """A right is missing; the message names it. Once somebody gives it, the same call works."""


class Fatal(KestraError):
    """The process must stop: going on would break a promise."""


class Fenced(Fatal):
    """What this process was about to commit is another's by now, and void; the loop gives it up and joins anew."""


class Replaced(Fatal):
    """Another process lives under the name of this one; two would fence each other for ever, so this one stops."""

"""What a filter, function, test or method of the language is: the Python function behind it, and how its arguments are named."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from decimal import DecimalException

FAULTS = (ValueError, TypeError, ArithmeticError, LookupError, AttributeError, OSError)
"""What a Python function raises when it is given a wrong value; the compiled call turns these into ExpressionError."""


@dataclass(frozen=True, slots=True)
class Native:
    """One name of the language.

    Attributes:
        call: filters, tests and methods get `(value, [frame,] *arguments)`, functions `([frame,] *arguments)`.
        parameters: names of the arguments, as templates write them.
        defaults: values of the last arguments when they are left out.
        takes_frame: whether `call` wants the frame.
        takes_null: a filter without it gives null for null.
        variadic: any number of positional arguments.
    """

    call: Callable[..., object]
    parameters: tuple[str, ...] = ()
    defaults: tuple[object, ...] = ()
    takes_frame: bool = False
    takes_null: bool = False
    variadic: bool = False

    @property
    def required(self) -> int:
        """How many arguments must be given."""
        return len(self.parameters) - len(self.defaults)


def native(call: Callable[..., object], *parameters: str, null: bool = False, variadic: bool = False) -> Native:
    """Describe a Python function; whether it wants the frame, and its defaults, are read from the function itself."""
    code = call.__code__
    defaults = (call.__defaults__ or ())[-len(parameters) :] if parameters else ()
    takes_frame = "frame" in code.co_varnames[: code.co_argcount]
    return Native(call, parameters, defaults, takes_frame, null, variadic)


def nearest(name: str, known: Collection[str]) -> str:
    """Say which known name a wrong one is like, or which there are."""
    from difflib import get_close_matches  # noqa: PLC0415 - loaded where it is used: importing the language must be quick

    near = get_close_matches(name, known, n=1, cutoff=0.5)
    if near:
        return f"did you mean `{near[0]}`?"
    lowered = [other for other in known if other.lower() == name.lower()]
    return f"did you mean `{lowered[0]}`?" if lowered else f"known are {', '.join(sorted(known))}"


def message_of(error: BaseException) -> str:
    """Give the text of an error; a KeyError's is only its key, and one of decimals has none."""
    if isinstance(error, KeyError):
        return f"{error.args[0] if error.args else 'a key'} is not there"
    if isinstance(error, DecimalException):
        return "the number has more digits than can be worked with, or is no number"
    return str(error) or type(error).__name__

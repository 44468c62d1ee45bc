"""Questions: what a Pause asks for in, typed and checked answers out; a bad answer is asked for again."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from kestra_stream.cli.given import file_or_text
from kestra_stream.cli.terminal.keyboard import Keyboard
from kestra_stream.cli.terminal.styled import StyledLine, clean
from kestra_stream.engine.inputs import ReviewedInputs, in_order
from kestra_stream.errors import Invalid
from kestra_stream.models import input as kinds
from kestra_stream.models.document import to_plain
from kestra_stream.models.input import Input


class Say(Protocol):
    """Tells a person something."""

    def __call__(self, lines: Sequence[StyledLine], end: str = "\n") -> None:
        """Print lines."""
        ...


Review = Callable[[Mapping[str, Any]], ReviewedInputs]
_YES, _NO = frozenset({"y", "yes", "true"}), frozenset({"n", "no", "false"})


def ask_all(inputs: Sequence[Input], review: Review, keyboard: Keyboard, say: Say) -> Mapping[str, Any]:
    """Ask for each input that is enabled by the answers before it; an empty answer takes the default."""
    answers: dict[str, Any] = {}
    for one in in_order(inputs):
        reviewed = review(answers)
        if one.id in reviewed.disabled:
            continue
        if one.description:
            say([((clean(one.description), "dim"),)])
        while (fault := _ask(one, review, reviewed, answers, (keyboard, say))) is not None:
            say([((clean(fault), "red"),)])
    return answers


def _ask(one: Input, review: Review, reviewed: ReviewedInputs, answers: dict[str, object], person: tuple[Keyboard, Say]) -> str | None:
    """Ask once and note the answer; return what is wrong with it."""
    keyboard, say = person
    say([_prompt(one, reviewed)], end="")
    answers.pop(one.id, None)
    text = keyboard.line(hidden=isinstance(one, kinds.SecretInput))
    try:
        value = _value(one, text)
    except Invalid as error:
        return str(error)
    if value is not None:
        answers[one.id] = value
    return next((fault.message for fault in review(answers).faults if fault.path == one.id), None)


def _prompt(one: Input, reviewed: ReviewedInputs) -> StyledLine:
    name = one.display_name or one.id
    default = f" [{clean(_shown(reviewed.values[one.id]))}]" if one.id in reviewed.defaulted else "" if one.required else " [nothing]"
    return ((f"{clean(name)} ", "bold"), (f"({_hint(one, reviewed)}){default}: ", "dim"))


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else str(to_plain(value))


def _hint(one: Input, reviewed: ReviewedInputs) -> str:
    """Tell what an answer may be."""
    choices = ", ".join(reviewed.choices.get(one.id, ()))
    match one:
        case kinds.BooleanInput():
            return "yes or no"
        case kinds.EnumInput():
            return f"one of {', '.join(one.values)}"
        case kinds.SelectInput():
            return f"one of {choices}" if choices else "text"
        case kinds.MultiselectInput():
            return f"some of {choices}, with commas between" if choices else "texts with commas between"
        case kinds.ArrayInput():
            return f"a JSON list, or values of type {one.item_type} with commas between"
        case kinds.FileInput():
            return "path of a file"
        case kinds.IntInput() | kinds.FloatInput() if one.min is not None or one.max is not None:
            return f"{one.type} from {'' if one.min is None else one.min} to {'' if one.max is None else one.max}".replace(
                "  ", " "
            ).strip()
        case _:
            return str(one.type)


def _value(one: Input, text: str) -> Any:
    """Return an answer as an input takes it, None for none. Raises Invalid for what is not one."""
    if text == "":
        return None
    match one:
        case kinds.BooleanInput():
            answer = text.strip().lower()
            if answer not in _YES | _NO:
                raise Invalid(f"`{clean(text)}` is neither yes nor no")
            return answer in _YES
        case kinds.FileInput() if "://" not in text:
            return file_or_text(one, text.strip().removeprefix("@"), text)
        case kinds.MultiselectInput() | kinds.ArrayInput() if not text.lstrip().startswith("["):
            return [item.strip() for item in text.split(",") if item.strip()]
        case _:
            return file_or_text(one, text[1:], text) if text.startswith("@") else text

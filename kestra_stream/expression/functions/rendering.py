"""`render()` and `renderOnce()`: text that is itself a template."""

from kestra_stream.expression.frame import Frame
from kestra_stream.expression.native import Native, native


def render(frame: Frame, toRender: object, recursive: object = True) -> object:  # noqa: FBT002, N803 - named and set as templates do
    """Render a text, or all texts of a structure, again and again until nothing changes (at most 100 times)."""
    from kestra_stream.expression.template import render_within  # noqa: PLC0415 - a template knows its functions, so one must wait

    return render_within(toRender, frame, recursive=recursive is not False)


def render_once(frame: Frame, toRender: object) -> object:  # noqa: N803 - as above
    """Render a text, or all texts of a structure, once."""
    return render(frame, toRender, recursive=False)


FUNCTIONS: dict[str, Native] = {
    "render": native(render, "toRender", "recursive"),
    "renderOnce": native(render_once, "toRender"),
}

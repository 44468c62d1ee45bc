"""What the draft keeps beside the task runs, each a stored part: open children, answers of look-ups, values of loops, broken flowables."""

from immutables import Map

from kestra_stream.engine.state import Chunked
from kestra_stream.engine.step import Step


def set_child(step: Step, child_id: str, waiting: tuple[str, int | None] | None) -> None:
    """Note an open child execution and the run (and batch) that waits for it; None when it has ended."""
    if waiting is not None:
        step.children = step.children.set(child_id, waiting)
    else:
        step.children = step.children.delete(child_id)
    step.parts[f"child/{child_id}"] = waiting


def set_answer(step: Step, run_id: str, key: str, answer: tuple[object, str | None]) -> None:
    """Remember what a look-up found for a run."""
    step.answers = step.answers.set(run_id, step.answers.get(run_id, Map()).set(key, answer))
    step.parts[f"answer/{run_id}/{key}"] = answer


def forget_answers(step: Step, run_id: str) -> None:
    """Drop what look-ups found for a run."""
    found = step.answers.get(run_id)
    if found is not None:
        step.answers = step.answers.delete(run_id)
        for key in found:
            step.parts[f"answer/{run_id}/{key}"] = None


def set_loop_values(step: Step, run_id: str, values: Chunked | None) -> None:
    """Keep the rendered values of a loop, a chunk a part; None drops them."""
    known = step.loop_values.get(run_id) if values is None else values
    for number, chunk in enumerate(known.chunks if known is not None else ()):
        step.parts[f"values/{run_id}/{number:06}"] = chunk if values is not None else None
    step.loop_values = step.loop_values.delete(run_id) if values is None else step.loop_values.set(run_id, values)


def set_broken(step: Step, run_id: str) -> None:
    """Note that an open flowable has failed by itself."""
    step.broken = step.broken.set(run_id, None)
    step.parts[f"broken/{run_id}"] = True


def forget_kept(step: Step, run_id: str) -> None:
    """Drop whatever was kept for a run that is open no more."""
    if step.loop_values and run_id in step.loop_values:
        set_loop_values(step, run_id, None)
    if step.answers:
        forget_answers(step, run_id)
    if step.broken and run_id in step.broken:
        step.broken = step.broken.delete(run_id)
        step.parts[f"broken/{run_id}"] = None

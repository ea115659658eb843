"""The texts of a prediction: what was written, and what would have been right."""

from __future__ import annotations

from gpt_exp.interfaces import Prediction


def texts(prediction: Prediction) -> tuple[str, list[str]]:
    """The output and its references, of which there may be one (a string) or several (a list).

    Raises ValueError for anything else.
    """
    output, reference = prediction.output, prediction.reference
    references = [reference] if isinstance(reference, str) else reference
    if not isinstance(output, str):
        raise ValueError(f"a prediction's output must be a text, not {output!r}")
    if not (
        isinstance(references, list | tuple)
        and references
        and all(isinstance(each, str) for each in references)
    ):
        raise ValueError(f"a prediction's reference must be a text or a list of texts, not {reference!r}")
    return output, list(references)

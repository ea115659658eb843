"""Cross-entropy where there are targets."""

from __future__ import annotations

from torch import Tensor

from gpt_exp.interfaces import IGNORE_INDEX, Batch, Loss, Model


def target_loss(
    model: Model, batch: Batch, *, label_smoothing: float = 0.0, prefix: Tensor | None = None
) -> Loss:
    """The loss of a batch; positions without a target, which may be most, meet no vocabulary.

    Labels are smoothed in training alone. A `prefix` is the model's.
    """
    before = {} if prefix is None else {"prefix": prefix}
    hidden = model(batch.tokens, documents=batch.documents, **before)
    has_target = batch.targets != IGNORE_INDEX
    smoothing = {"label_smoothing": label_smoothing} if label_smoothing and model.training else {}
    return model.loss(hidden[has_target][None], batch.targets[has_target][None], **smoothing)

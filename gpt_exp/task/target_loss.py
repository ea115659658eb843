"""Cross-entropy where there are targets, or the logits that it is of."""

from __future__ import annotations

from torch import Tensor

from gpt_exp.interfaces import IGNORE_INDEX, Batch, Loss, Model


def target_loss(
    model: Model, batch: Batch, *, label_smoothing: float = 0.0, prefix: Tensor | None = None
) -> Loss:
    """The loss of a batch; positions without a target, which may be most, meet no vocabulary.

    Labels are smoothed in training alone. A `prefix` is the model's.
    """
    hidden, targets = at_targets(model, batch, prefix)
    smoothing = {"label_smoothing": label_smoothing} if label_smoothing and model.training else {}
    return model.loss(hidden[None], targets[None], **smoothing)


def target_logits(model: Model, batch: Batch) -> tuple[Tensor, Tensor]:
    """Logits `(targets, vocab)`, all of them at once, and targets `(targets,)`."""
    hidden, targets = at_targets(model, batch)
    return model.logits(hidden[None])[0], targets


def at_targets(model: Model, batch: Batch, prefix: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Hidden states `(targets, embedding_dim)` and targets `(targets,)`."""
    before = {} if prefix is None else {"prefix": prefix}
    hidden = model(batch.tokens, documents=batch.documents, **before)
    has_target = batch.targets != IGNORE_INDEX
    return hidden[has_target], batch.targets[has_target]

"""How surprised a model is by an assistant's answers, by their place in the conversation."""

from __future__ import annotations

import numpy as np

from gpt_exp.interfaces import Prediction
from gpt_exp.task.metric import corpus_score
from gpt_exp.task.metric.base import SumMetric, mean


class DialogueMetric(SumMetric):
    """Perplexity a token of all answers, of the first, the second ..., and chrF of the generated ones.

    `perplexity_turn_N` of the last N holds all later answers, too; nan where there are none. An output is
    {"text": what was generated, "nats": of each turn 1 to `max_turns`, "num_targets": the tokens of each}. A
    reference is the answer that was given in the place of the text, or None. Lower is better.
    """

    main = "perplexity"
    higher_is_better = False

    def __init__(self, *, max_turns: int) -> None:
        if max_turns < 1:
            raise ValueError(f"task.max_turns={max_turns} must be at least 1")
        chrf = corpus_score.chrf()
        super().__init__(2 * max_turns + chrf.num_statistics)
        self.max_turns, self._chrf = max_turns, chrf

    def statistics(self, prediction: Prediction) -> np.ndarray:
        output = prediction.output
        has_text = prediction.reference is not None
        overlap = (
            self._chrf.statistics(prediction._replace(output=output["text"]))
            if has_text
            else np.zeros(self._chrf.num_statistics)
        )
        return np.concatenate([output["nats"], output["num_targets"], overlap])

    def values(self, sums: np.ndarray) -> dict[str, float]:
        nats, num_targets, overlap = np.split(sums, [self.max_turns, 2 * self.max_turns])
        by_turn = {
            f"perplexity_turn_{number}": _perplexity(*of_turn)
            for number, of_turn in enumerate(zip(nats, num_targets, strict=True), start=1)
        }
        return {
            "perplexity": _perplexity(nats.sum(), num_targets.sum()),
            **by_turn,
            "chrf": self._chrf.value(overlap),
        }


def _perplexity(nats: float, num_targets: float) -> float:
    with np.errstate(over="ignore"):  # Above 709 nats a token: inf.
        return float(np.exp(mean(nats, num_targets)))

"""How close answers are to people's: SQuAD's exact match and F1 of words."""

from __future__ import annotations

import re
import string
from collections import Counter

import numpy as np

from gpt_exp.interfaces import Prediction
from gpt_exp.task.metric.base import SumMetric, mean
from gpt_exp.task.metric.texts import texts

PUNCTUATION = str.maketrans("", "", string.punctuation)


class ExactMatchF1(SumMetric):
    """Means over questions of the best match with any reference, 0 to 100; main is F1.

    As in the evaluation script of SQuAD 1.1 (Rajpurkar et al. 2016, arXiv:1606.05250); where the one
    reference is an empty text, both figures tell whether the answer is empty, as in that of SQuAD 2.
    """

    main = "f1"
    best = 100.0

    def __init__(self) -> None:
        super().__init__(3)

    def statistics(self, prediction: Prediction) -> np.ndarray:
        output, references = texts(prediction)
        answer, truths = normalized(output), [normalized(each) for each in references]
        is_right = answer in truths
        if references == [""]:
            return np.array([is_right, is_right, 1], dtype=np.float64)
        return np.array([is_right, max(f1(answer, truth) for truth in truths), 1], dtype=np.float64)

    def values(self, sums: np.ndarray) -> dict[str, float]:
        matches, overlap, count = sums
        return {"exact_match": 100 * mean(matches, count), "f1": 100 * mean(overlap, count)}


def normalized(text: str) -> str:
    """Lower case, without punctuation, English articles and extra white space."""
    bare = text.lower().translate(PUNCTUATION)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", bare).split())


def f1(answer: str, truth: str) -> float:
    """Of two normalized texts' words; 0 where nothing is shared, so also for two texts without a word."""
    ours, theirs = answer.split(), truth.split()
    shared = (Counter(ours) & Counter(theirs)).total()
    return 2 * shared / (len(ours) + len(theirs)) if shared else 0.0

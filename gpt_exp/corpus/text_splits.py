"""The examples of a prepared corpus: how its stream of tokens is cut."""

from __future__ import annotations

from gpt_exp.corpus.prepare import Corpus
from gpt_exp.interfaces import Examples, FiniteExamples, Sampling


class TextSplits:
    """A corpus through a sampling; every example is `context_length` tokens to read."""

    def __init__(self, corpus: Corpus, sampling: Sampling, *, context_length: int, seed: int) -> None:
        self.corpus, self.parts = corpus, corpus.parts
        self._sampling, self._context_length, self._seed = sampling, context_length, seed
        self.tokens_per_example: float = context_length

    def training(self) -> Examples:
        return self._sampling.training(
            self.corpus.tokens("train"),
            context_length=self._context_length,
            end_of_text=self.corpus.meta["end_of_text"],
            seed=self._seed,
        )

    def evaluation(self, part: str) -> FiniteExamples:
        return self._sampling.evaluation(
            self.corpus.tokens(part),
            context_length=self._context_length,
            end_of_text=self.corpus.meta["end_of_text"],
        )

"""The examples of a prepared corpus: how its stream of tokens is cut."""

from __future__ import annotations

from collections.abc import Callable

from gpt_exp.corpus.blended import BlendedCorpus
from gpt_exp.corpus.prepare import Corpus
from gpt_exp.interfaces import Examples, FiniteExamples, Sampling


class TextSplits:
    """A corpus through a sampling; every example is `context_length` tokens to read.

    `training` stands for what makes the training examples where that is not the corpus as one.
    """

    def __init__(
        self,
        corpus: Corpus | BlendedCorpus,
        sampling: Sampling,
        *,
        context_length: int,
        seed: int,
        training: Callable[[], Examples] | None = None,
    ) -> None:
        self.corpus, self.parts = corpus, corpus.parts
        self._sampling, self._context_length, self._seed = sampling, context_length, seed
        self._training = training
        self.tokens_per_example: float = context_length

    @property
    def examples_per_epoch(self) -> float:
        return len(self.corpus.tokens("train")) / self._context_length

    def training(self) -> Examples:
        if self._training is not None:
            return self._training()
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

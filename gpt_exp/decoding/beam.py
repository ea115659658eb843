"""Beam search: the most probable continuations, as far as a few of them at a time can tell."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch

from gpt_exp.decoding.context import Context, evaluating
from gpt_exp.decoding.rules import Repetition, has_ended, mask, penalize
from gpt_exp.interfaces import Hypothesis, Model, Prompts, Rules


class Beam:
    """A `Decoding` and `Searching`; ValueError for a setting out of its range.

    A hypothesis of n tokens, a stop token among them, scores its log-probability / n**length_penalty, as in
    transformers: 0 compares probabilities, 1 means over tokens, more prefers longer ones. (Wu et al. 2016,
    arXiv:1609.08144, divide by ((5 + n) / 6)**length_penalty.) A prompt is done when it has `num_beams`
    hypotheses and, unless `early_stopping`, no beam would score above the worst of them if it ended now.
    """

    draws = False

    def __init__(
        self,
        *,
        num_beams: int,
        length_penalty: float = 1.0,
        early_stopping: bool = False,
        repetition_penalty: float = 1.0,
        no_repeat_ngram_size: int | None = None,
        use_cache: bool = True,
    ) -> None:
        if num_beams < 1:
            raise ValueError(f"num_beams={num_beams} must be at least 1")
        self.num_beams, self.length_penalty = num_beams, length_penalty
        self.early_stopping = early_stopping
        self.repetition = Repetition.checked(repetition_penalty, no_repeat_ngram_size)
        self.use_cache = use_cache

    def __call__(
        self, model: Model, prompts: Prompts, rules: Rules, *, seeds: Sequence[int] | None = None
    ) -> list[list[int]]:
        """The best continuation of each prompt; nothing is drawn."""
        return [best[0].tokens if best else [] for best in self.search(model, prompts, rules)]

    @torch.no_grad()
    def search(
        self, model: Model, prompts: Prompts, rules: Rules, *, num_best: int = 1
    ) -> list[list[Hypothesis]]:
        """The best continuations of each prompt, best first: fewer than `num_best` if rules allow no more."""
        if not 1 <= num_best <= self.num_beams:
            raise ValueError(f"num_beams={self.num_beams} give from 1 to so many texts, not {num_best}")
        if not prompts or has_ended([], rules):
            return [[] for _ in prompts]
        growing = searches = [_Search(self, rules) for _ in prompts]
        context = Context(model, prompts, max_new_tokens=rules.max_new_tokens, use_cache=self.use_cache)
        with evaluating(model):
            while growing:
                growing = self._step(context, growing, rules)
        return [search.finished[:num_best] for search in searches]

    def _step(self, context: Context, growing: list[_Search], rules: Rules) -> list[_Search]:
        """Let every beam grow by a token. Returns the searches that go on: their beams are the next rows."""
        candidates = self._candidates(context, growing, rules)
        tokens: list[int] = []
        parents: list[int] = []
        first = 0
        for search in growing:
            num_rows = len(search.beams)
            rows = range(first, first + num_rows)
            first += num_rows
            search.advance(_Candidate(*found, row - rows.start) for row in rows for found in candidates[row])
            if not search.done:
                tokens += [beam.tokens[-1] for beam in search.beams]
                parents += [rows[beam.parent] for beam in search.beams]
        growing = [search for search in growing if not search.done]
        if growing:
            context.append(tokens, parents)
        return growing

    def _candidates(
        self, context: Context, growing: list[_Search], rules: Rules
    ) -> list[list[tuple[float, int]]]:
        """Of each row the best next tokens, with the log-probabilities of all of its new tokens together.

        They are enough for `num_beams` that do not end, even if every beam's stop tokens are better.
        """
        beams = [beam for search in growing for beam in search.beams]
        logits = penalize(context.logits(), context.rows, self.repetition.penalty)
        new = [beam.tokens for beam in beams]
        allowed = mask(logits.log_softmax(-1), new, rules, self.repetition.ngram_size)
        so_far = torch.tensor([beam.log_probability for beam in beams], device=allowed.device)
        count = self.num_beams * max(2, 1 + len(rules.stop_tokens))
        best = (allowed + so_far[:, None]).topk(min(count, allowed.size(1)))
        return [
            list(zip(*row, strict=True))
            for row in zip(best.values.tolist(), best.indices.tolist(), strict=True)
        ]


class _Grown(NamedTuple):
    """New tokens of an unfinished hypothesis, and the number of the beam that it grew from."""

    tokens: list[int]
    log_probability: float
    parent: int = 0


class _Candidate(NamedTuple):
    """A token that a beam might grow by."""

    log_probability: float  # The beam's and the token's.
    token: int
    parent: int  # The beam's number.


class _Search:
    """One prompt's beams, and its hypotheses that have ended, best first."""

    def __init__(self, settings: Beam, rules: Rules) -> None:
        self.settings, self.rules = settings, rules
        self.beams = [_Grown([], 0.0)]
        self.finished: list[Hypothesis] = []
        self.num_new = 0
        self.done = False

    def advance(self, candidates: Iterable[_Candidate]) -> None:
        """Of all candidates the best go on; those that end count only among the `num_beams` best."""
        width = self.settings.num_beams
        self.num_new += 1
        grown: list[_Grown] = []
        possible = [each for each in candidates if each.log_probability > -math.inf]
        for rank, candidate in enumerate(sorted(possible, key=lambda each: -each.log_probability)):
            if rank >= width and len(grown) == width:
                break
            tokens = self._tokens(candidate)
            if candidate.token in self.rules.stop_tokens or has_ended(tokens, self.rules):
                if rank < width:
                    self.finished.append(Hypothesis(tokens, self._score(candidate.log_probability)))
            elif len(grown) < width:
                grown.append(_Grown(tokens, candidate.log_probability, candidate.parent))
        self.finished = sorted(self.finished, key=lambda each: -each.score)[:width]
        self.beams, self.done = grown, self._is_done(grown)

    def _tokens(self, candidate: _Candidate) -> list[int]:
        before = self.beams[candidate.parent].tokens
        return before if candidate.token in self.rules.stop_tokens else [*before, candidate.token]

    def _score(self, log_probability: float) -> float:
        return log_probability / self.num_new**self.settings.length_penalty

    def _is_done(self, grown: list[_Grown]) -> bool:
        if not grown:
            return True
        if len(self.finished) < self.settings.num_beams:
            return False
        return (
            self.settings.early_stopping or self._score(grown[0].log_probability) <= self.finished[-1].score
        )

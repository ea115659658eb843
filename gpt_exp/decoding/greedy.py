"""The best next token, always."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gpt_exp.decoding.rules import Repetition
from gpt_exp.decoding.stream import collect, stream
from gpt_exp.interfaces import Model, Prompts, Rules


class Greedy:
    """A `Decoding` and `Streaming`; ValueError for a setting out of its range."""

    draws = False

    def __init__(
        self,
        *,
        repetition_penalty: float = 1.0,
        no_repeat_ngram_size: int | None = None,
        use_cache: bool = True,
    ) -> None:
        self.repetition = Repetition.checked(repetition_penalty, no_repeat_ngram_size)
        self.use_cache = use_cache

    def __call__(
        self, model: Model, prompts: Prompts, rules: Rules, *, seeds: Sequence[int] | None = None
    ) -> list[list[int]]:
        """Each prompt's new tokens; nothing is drawn."""
        return collect(self.stream(model, prompts, rules), len(prompts))

    def stream(
        self, model: Model, prompts: Prompts, rules: Rules, *, seeds: Sequence[int] | None = None
    ) -> Iterator[list[int | None]]:
        """The next token of each sequence, None for one that has ended."""
        return stream(
            model,
            prompts,
            rules,
            lambda logits, rows: logits.argmax(-1),
            repetition=self.repetition,
            use_cache=self.use_cache,
        )

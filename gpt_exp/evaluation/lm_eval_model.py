"""A model as lm-eval sees it: log-likelihoods and continuations of texts. Imported late: it needs lm-eval."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from lm_eval.api.model import TemplateLM
from torch import Tensor

from gpt_exp.decoding.context import device_of
from gpt_exp.decoding.continued import continued
from gpt_exp.decoding.greedy import Greedy
from gpt_exp.decoding.sampling import Sampling
from gpt_exp.evaluation.batches import in_batches
from gpt_exp.interfaces import Decoding, Model, Tokenizer

MAX_NEW_TOKENS = 256  # lm-eval's own, for tasks that do not say.
DRAWN = ("temperature", "top_k", "top_p", "min_p")


class Window(NamedTuple):
    """What a model reads of a text at once, and which of it is scored."""

    tokens: list[int]  # At most a token more than the context, for the last target.
    num_targets: int  # The last so many tokens.


class LMEvalModel(TemplateLM):
    """Our networks behind lm-eval's interface; texts are cut into tokens as its own HFLM does.

    That is: a continuation is what the tokens of context and continuation have beyond those of the context.
    `begins` puts the end-of-text token before a context, as `add_bos_token` of HFLM does; an empty context
    has it always.
    """

    def __init__(
        self, model: Model, tokenizer: Tokenizer, *, batch_size: int, begins: bool = True, seed: int = 0
    ) -> None:
        super().__init__()
        self.model, self.our_tokenizer = model, tokenizer
        self.batch_size, self.begins, self.seed = batch_size, begins, seed
        self.limit = model.shape.context_length

    @property
    def eot_token_id(self) -> int:
        return self.our_tokenizer.end_of_text

    def tok_encode(self, string: str, add_special_tokens: bool | None = None, **ignored: Any) -> list[int]:
        begin = [self.eot_token_id] if self.begins and add_special_tokens is not False else []
        return begin + self.our_tokenizer.encode(string)

    def _encode_pair(self, context: str, continuation: str) -> tuple[list[int], list[int]]:
        before, tokens = super()._encode_pair(context, continuation)
        # A token that reaches over the seam may leave nothing behind it, and nothing would be certain.
        tokens = tokens or self.tok_encode(continuation, add_special_tokens=False)
        return before or [self.eot_token_id], tokens

    def loglikelihood(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[tuple[float, bool]]:
        """In nats, and whether greedy decoding would write the continuation."""
        return super().loglikelihood(requests, disable_tqdm=True)

    def _loglikelihood_tokens(self, requests: Sequence[Any], **ignored: Any) -> list[tuple[float, bool]]:
        return self.scores([(context + tokens, len(tokens)) for _, context, tokens in requests])

    def loglikelihood_rolling(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[float]:
        """In nats, of whole texts, each after the end-of-text token."""
        texts = [self.our_tokenizer.encode(request.args[0]) for request in requests]
        scores = self.scores([([self.eot_token_id, *tokens], len(tokens)) for tokens in texts])
        return [total for total, _ in scores]

    def scores(self, texts: Sequence[tuple[list[int], int]]) -> list[tuple[float, bool]]:
        """Log-likelihood of the last so many tokens of each text, and whether each one is the best."""
        numbered = [(i, w) for i, text in enumerate(texts) for w in windows(*text, limit=self.limit)]
        found = in_batches(
            [w for _, w in numbered],
            self._score,
            length=lambda w: len(w.tokens),
            batch_size=self.batch_size,
            title="lm-eval",
        )
        totals, are_best = [0.0] * len(texts), [True] * len(texts)
        for (i, _), (total, is_best) in zip(numbered, found, strict=True):
            totals[i] += total
            are_best[i] &= is_best
        return list(zip(totals, are_best, strict=True))

    @torch.inference_mode()
    def _score(self, batch: list[Window]) -> list[tuple[float, bool]]:
        longest = max(len(window.tokens) for window in batch) - 1
        rows = [window.tokens[:-1] + [0] * (longest + 1 - len(window.tokens)) for window in batch]
        # Padding stands behind, where a causal model does not look from the tokens that count.
        hidden = self.model(torch.tensor(rows, device=device_of(self.model)))
        return [self._of_row(row, window) for row, window in zip(hidden, batch, strict=True)]

    def _of_row(self, hidden: Tensor, window: Window) -> tuple[float, bool]:
        """One row at a time: all rows' logits need not fit into memory."""
        end = len(window.tokens) - 1
        logits = self.model.logits(hidden[None, end - window.num_targets : end])[0].float()
        targets = torch.tensor(window.tokens[-window.num_targets :], device=logits.device)
        log_probabilities = logits.log_softmax(-1).gather(1, targets[:, None])
        return float(log_probabilities.double().sum()), bool((logits.argmax(-1) == targets).all())

    def generate_until(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[str]:
        """Continuations up to a task's stop strings or the end of the text."""
        found: dict[int, str] = {}
        for wanted, numbers in _by_settings(requests).items():
            settings = Settings.of(json.loads(wanted))
            asked = [(i, self.tok_encode(requests[i].args[0])) for i in numbers]
            run = partial(self._continue, settings=settings)
            texts = in_batches(
                asked, run, length=lambda each: len(each[1]), batch_size=self.batch_size, title="lm-eval"
            )
            found.update(zip(numbers, texts, strict=True))
        return [found[i] for i in range(len(requests))]

    def _continue(self, asked: list[tuple[int, list[int]]], settings: Settings) -> list[str]:
        room = self.limit - settings.max_new_tokens
        room = room if room > 0 else max(1, self.limit // 2)
        prompts = [context[-room:] or [self.eot_token_id] for _, context in asked]
        return continued(
            self.model,
            prompts,
            self.our_tokenizer,
            settings.decoding,
            max_new_tokens=settings.max_new_tokens,
            stop=settings.until,
            seeds=[self.seed + i for i, _ in asked],
        )


class Settings(NamedTuple):
    """How a task wants texts continued."""

    decoding: Decoding
    max_new_tokens: int
    until: list[str]

    @classmethod
    def of(cls, wanted: Mapping[str, Any]) -> Settings:
        """From lm-eval's `generation_kwargs`; ValueError for what ours have not, or mean otherwise."""
        rest = dict(wanted)
        until = rest.pop("until", None) or []
        most = [rest.pop(name, None) for name in ("max_gen_toks", "max_new_tokens", "max_tokens")]
        drawn = {name: value for name in DRAWN if (value := rest.pop(name, None)) is not None}
        draws = rest.pop("do_sample", drawn.get("temperature", 0) > 0)
        penalty = {"repetition_penalty": rest.pop("repetition_penalty", 1.0)}
        if rest:
            raise ValueError(f"generation_kwargs: no {', '.join(rest)} here; there is {', '.join(DRAWN)}")
        return cls(
            Sampling(**drawn, **penalty) if draws else Greedy(**penalty),
            next((int(number) for number in most if number is not None), MAX_NEW_TOKENS),
            [string for string in ([until] if isinstance(until, str) else until) if string],
        )


def windows(tokens: list[int], num_targets: int, *, limit: int) -> Iterator[Window]:
    """The last `num_targets` tokens, each predicted once, with as much before them as the context holds.

    One window where they fit, which is cut on the left; else as lm-eval's `get_rolling_token_windows`.
    """
    start = len(tokens) - num_targets
    while start < len(tokens):
        end = min(start + limit, len(tokens))
        yield Window(tokens[max(0, end - 1 - limit) : end], end - start)
        start = end


def _by_settings(requests: Sequence[Any]) -> dict[str, list[int]]:
    """The numbers of the requests with equal settings."""
    found: dict[str, list[int]] = {}
    for number, request in enumerate(requests):
        found.setdefault(json.dumps(request.args[1], sort_keys=True), []).append(number)
    return found

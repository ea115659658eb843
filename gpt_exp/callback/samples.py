"""What the model writes as it learns."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from rich.console import Console
from rich.text import Text

from gpt_exp.decoding.sampling import Sampling
from gpt_exp.interfaces import Rules
from gpt_exp.run import lines
from gpt_exp.run.folder import RunFolder


class Samples(Callback):
    """Continues each prompt every `every_n_steps` optimizer steps and at the end, into samples.jsonl.

    Training is not changed by it: the tokens come from a generator of their own. Every rank takes part,
    because a sharded model needs all of them, and none stops early; the first one writes.
    """

    def __init__(
        self,
        *,
        every_n_steps: int,
        prompts: list[str],
        max_new_tokens: int = 100,
        temperature: float = 0.8,
        top_k: int | None = None,
        top_p: float | None = None,
        min_p: float | None = None,
        seed: int = 1337,
    ) -> None:
        if every_n_steps < 1:
            raise ValueError(f"every_n_steps={every_n_steps} must be at least 1")
        self.every_n_steps = every_n_steps
        self.prompts = prompts
        self.rules = Rules(max_new_tokens)
        self.sampling = Sampling(temperature=temperature, top_k=top_k, top_p=top_p, min_p=min_p)
        self.seed = seed  # Of the first prompt; the others have the next ones.
        self._step = 0  # Of the last samples.
        self._texts: list[str] = []

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._step = trainer.global_step

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *args: Any) -> None:
        if trainer.global_step % self.every_n_steps == 0 and trainer.global_step != self._step:
            self._sample(trainer, pl_module)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.global_step != self._step:
            self._sample(trainer, pl_module)
        if trainer.is_global_zero:
            self._print()

    def _sample(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._step = trainer.global_step
        with pl_module.stopwatch.paused(), _uncompiled(pl_module):  # type: ignore[operator, union-attr]
            self._texts = [
                self._continue(pl_module, prompt, self.seed + index)
                for index, prompt in enumerate(self.prompts)
            ]
        if trainer.is_global_zero:
            path = RunFolder(trainer.default_root_dir).samples
            for prompt, text in zip(self.prompts, self._texts, strict=True):
                lines.append(path, {"step": self._step, "prompt": prompt, "text": text})

    def _continue(self, pl_module: Any, prompt: str, seed: int) -> str:
        tokenizer = pl_module.tokenizer
        start = [tokenizer.end_of_text, *tokenizer.encode(prompt)]
        (tokens,) = self.sampling(pl_module.model, [start], self.rules, seeds=[seed])
        end = tokens.index(tokenizer.end_of_text) if tokenizer.end_of_text in tokens else None
        return tokenizer.decode(tokens[:end])

    def _print(self) -> None:
        console = Console(highlight=False)
        for prompt, text in zip(self.prompts, self._texts, strict=False):  # No texts where no step was taken.
            console.print(f"sample at step {self._step}:", style="dim")
            console.print(Text.assemble((prompt, "bold"), text, "\n"), soft_wrap=True)


def _uncompiled(pl_module: Any) -> AbstractContextManager:
    """No compiling for every length of text."""
    is_compiled = pl_module.model._compiled_call_impl is not None
    return torch.compiler.set_stance("force_eager") if is_compiled else nullcontext()

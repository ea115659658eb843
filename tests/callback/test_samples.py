"""Samples come when they should, and training goes on as if there were none."""

from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor
from torch.utils.data import DataLoader

from gpt_exp.callback.samples import Samples
from gpt_exp.decoding.sampling import Sampling
from gpt_exp.model.gpt2 import GPT2
from gpt_exp.module.stopwatch import Stopwatch
from gpt_exp.run import lines
from gpt_exp.tokenizer.byte import byte

pytestmark = pytest.mark.filterwarnings("ignore")  # Lightning's advice.


class Module(LightningModule):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.tokenizer = byte()
        self.stopwatch = Stopwatch()
        self.model = GPT2(
            vocab_size=257, context_length=16, num_layers=1, num_heads=2, embedding_dim=16, dropout=0.2
        )

    def training_step(self, tokens: Tensor, batch_idx: int) -> Tensor:
        loss = self.model.loss(self.model(tokens[:, :-1]), tokens[:, 1:])
        return loss.total / loss.num_targets

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def fit(folder: Path, callbacks: list[Any], **settings: Any) -> Module:
    module = Module()
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=-1,
        default_root_dir=folder,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=callbacks,
        **{"max_steps": 5, **settings},
    )
    tokens = torch.randint(97, 123, (20, 9), generator=torch.Generator().manual_seed(1))
    trainer.fit(module, DataLoader(tokens, batch_size=2))
    return module


def samples(**settings: Any) -> Samples:
    return Samples(**{"every_n_steps": 2, "prompts": ["", "ab"], "max_new_tokens": 20, **settings})


@pytest.mark.parametrize("accumulate", [1, 2])
def test_they_come_every_n_optimizer_steps_and_at_the_end(tmp_path: Path, accumulate: int) -> None:
    fit(tmp_path, [samples()], accumulate_grad_batches=accumulate)
    written = [(line["step"], line["prompt"]) for line in lines.read(tmp_path / "samples.jsonl")]
    assert written == [(step, prompt) for step in (2, 4, 5) for prompt in ("", "ab")]


def test_the_end_is_not_sampled_twice(tmp_path: Path) -> None:
    fit(tmp_path, [samples()], max_steps=4)
    assert [line["step"] for line in lines.read(tmp_path / "samples.jsonl")] == [2, 2, 4, 4]


def test_the_last_one_is_printed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    fit(tmp_path, [samples(prompts=["ab"], temperature=0.0)])
    text = lines.read(tmp_path / "samples.jsonl")[-1]["text"]
    printed = capfd.readouterr().out
    assert "step 5" in printed
    assert "ab" + text[:3] in printed


def test_text_is_the_models_own_continuation(tmp_path: Path) -> None:
    module = fit(tmp_path, [samples(prompts=["ab"], max_new_tokens=1, temperature=0.0)])
    tokens = torch.tensor([[256, ord("a"), ord("b")]])
    with torch.no_grad():
        best = module.model.eval().logits(module.model(tokens))[0, -1].argmax()
    assert lines.read(tmp_path / "samples.jsonl")[-1]["text"] == module.tokenizer.decode([int(best)])


def test_text_ends_where_the_document_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sampling, "__call__", lambda *args, **seeds: [[*b"yes", 256, *b"no"]])
    fit(tmp_path, [samples()], max_steps=2)
    assert {line["text"] for line in lines.read(tmp_path / "samples.jsonl")} == {"yes"}


def test_training_is_unchanged(tmp_path: Path) -> None:
    with_samples, without = fit(tmp_path, [samples(every_n_steps=1)]), fit(tmp_path, [])
    for ours, plain in zip(with_samples.parameters(), without.parameters(), strict=True):
        assert torch.equal(ours, plain)
    assert with_samples.model.training


def test_nothing_is_compiled_for_them(tmp_path: Path) -> None:
    calls = []

    class Compile(Samples):
        def on_train_start(self, trainer: Trainer, pl_module: Any) -> None:
            pl_module.model.compile(backend=lambda graph, inputs: calls.append(1) or graph.forward)
            super().on_train_start(trainer, pl_module)

    fit(tmp_path, [Compile(every_n_steps=1, prompts=["ab"], max_new_tokens=12)], max_steps=1)
    training_only = len(calls)
    fit(tmp_path, [Compile(every_n_steps=1, prompts=["ab"], max_new_tokens=12)], max_steps=2)
    assert training_only == len(calls) - training_only == 1


def test_an_interval_of_no_step_is_refused() -> None:
    with pytest.raises(ValueError, match="every_n_steps=0"):
        samples(every_n_steps=0)

"""The verb: text on stdout and nothing else, the same for the same seed."""

import io
from collections.abc import Callable
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf

from gpt_exp import generate
from gpt_exp.decoding.sample import sample
from gpt_exp.experiment import LoadedRun
from gpt_exp.model.gpt2 import GPT2
from gpt_exp.tokenizer.byte import byte

Output = Callable[..., str]

CONFIG = {
    "run": "outputs/run",
    "checkpoint": "best",
    "prompt": "ab",
    "max_new_tokens": 30,
    "temperature": 0.8,
    "top_k": None,
    "top_p": None,
    "min_p": None,
    "num_samples": 1,
    "seed": 1,
    "device": "cpu",
}


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> LoadedRun:
    """A model of random weights: what it writes is mostly no UTF-8."""
    torch.manual_seed(0)
    model = GPT2(vocab_size=257, context_length=16, num_layers=1, num_heads=2, embedding_dim=16)
    loaded = LoadedRun(model.eval(), byte(), OmegaConf.create({}))
    monkeypatch.setattr(generate, "load_run", lambda run, checkpoint: loaded)
    return loaded


@pytest.fixture
def output(run: LoadedRun, capsys: pytest.CaptureFixture[str]) -> Output:
    def generated(**settings: Any) -> str:
        generate.main(OmegaConf.create({**CONFIG, **settings}), [])
        return capsys.readouterr().out

    return generated


def test_stdout_is_the_prompt_and_the_models_continuation(run: LoadedRun, output: Output) -> None:
    prompt = torch.tensor([[256, *b"caf\xc3\xa9"]])
    tokens = torch.cat(list(sample(run.model, prompt, max_new_tokens=30, temperature=0.8, seed=1)))  # type: ignore[arg-type]
    assert 256 not in tokens
    assert output(prompt="café") == "café" + run.tokenizer.decode(tokens.tolist()) + "\n"


def test_speed_goes_to_stderr(run: LoadedRun, capsys: pytest.CaptureFixture[str]) -> None:
    generate.main(OmegaConf.create(CONFIG), [])
    assert "30 tokens, " in capsys.readouterr().err


def test_the_seed_decides(output: Output) -> None:
    assert output() == output()
    assert output() != output(seed=2)


def test_samples_have_seeds_in_a_row(output: Output) -> None:
    assert output(num_samples=2) == f"{output()}\n{output(seed=2)}"


def test_the_end_of_text_is_not_printed(
    run: LoadedRun, output: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = [torch.tensor([token]) for token in (*b"yes", 256, *b"no")]
    monkeypatch.setattr(generate, "sample", lambda *args, **settings: iter(stream))
    assert output() == "abyes\n"


def test_a_prompt_can_come_from_stdin(output: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("ab"))
    assert output(prompt="-") == output(prompt="ab")


def test_an_empty_prompt_begins_a_document(output: Output) -> None:
    assert len(output(prompt="")) > 1


def test_a_setting_out_of_range_is_named(output: Output) -> None:
    with pytest.raises(ValueError, match="top_p=2"):
        output(top_p=2)

"""The verb: text on stdout and nothing else, the same for the same seed."""

import io
from collections.abc import Callable
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf

from gpt_exp import generate
from gpt_exp.config.compose import compose
from gpt_exp.config.location import groups
from gpt_exp.decoding.beam import Beam
from gpt_exp.decoding.sampling import Sampling
from gpt_exp.experiment import LoadedRun
from gpt_exp.interfaces import Rules
from gpt_exp.model.gpt2 import GPT2
from gpt_exp.tokenizer.byte import byte

Output = Callable[..., str]

CONFIG = {
    "run": "outputs/run",
    "checkpoint": "best",
    "prompt": "ab",
    "max_new_tokens": 30,
    "decode": {"_target_": "gpt_exp.decoding.sampling.Sampling", "temperature": 0.8},
    "stop": [],
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
    prompt = [256, *"café".encode()]
    (tokens,) = Sampling(temperature=0.8)(run.model, [prompt], Rules(30), seeds=[1])
    assert 256 not in tokens
    assert output(prompt="café") == "café" + run.tokenizer.decode(tokens) + "\n"


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
    logits = torch.nn.functional.one_hot(torch.tensor([*b"yes", 256, *b"no"]), 257).float() * 1e3
    steps = iter(logits[:, None, None])
    monkeypatch.setattr(run.model, "logits", lambda hidden: next(steps))
    assert output() == "abyes\n"


def test_a_prompt_can_come_from_stdin(output: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("ab"))
    assert output(prompt="-") == output(prompt="ab")


def test_an_empty_prompt_begins_a_document(output: Output) -> None:
    assert len(output(prompt="")) > 1


def test_a_setting_out_of_range_is_named(output: Output) -> None:
    with pytest.raises(ValueError, match="top_p=2"):
        output(decode={**CONFIG["decode"], "top_p": 2})  # type: ignore[dict-item]


@pytest.mark.parametrize("option", groups()["decode"])
def test_every_option_writes(run: LoadedRun, capsys: pytest.CaptureFixture[str], option: str) -> None:
    generate.main(compose("generate", ["run=outputs/run", f"decode={option}", "prompt=ab", "device=cpu"]), [])
    text = capsys.readouterr().out
    assert text.startswith("ab") and len(text) > 10


def test_a_search_prints_its_best_texts(run: LoadedRun, output: Output) -> None:
    rules = Rules(30, stop_tokens=(256,))
    (best,) = Beam(num_beams=3).search(run.model, [[256, *b"ab"]], rules, num_best=2)
    texts = ["ab" + run.tokenizer.decode(hypothesis.tokens) + "\n" for hypothesis in best]
    beam = {"_target_": "gpt_exp.decoding.beam.Beam", "num_beams": 3}
    assert output(decode=beam, num_samples=2) == "\n".join(texts)


@pytest.mark.parametrize("name", ["sampling.Sampling", "greedy.Greedy"])
def test_stop_strings_end_the_text_but_not_the_prompt(output: Output, name: str) -> None:
    settings = {"prompt": "stop!", "decode": {"_target_": f"gpt_exp.decoding.{name}"}}
    text = output(**settings)
    stop = text[len("stop!") + 4 :][:3]
    expected = text[: text.index(stop, len("stop!"))] + "\n"
    assert output(stop=[stop, "stop!"], **settings) == expected

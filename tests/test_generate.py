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
from gpt_exp.decoding.greedy import Greedy
from gpt_exp.decoding.sampling import Sampling
from gpt_exp.errors import UserError
from gpt_exp.experiment.model import LoadedRun
from gpt_exp.interfaces import Rules
from gpt_exp.model.gpt2 import GPT2
from gpt_exp.task.translation import Translation
from gpt_exp.tokenizer.byte import byte

Output = Callable[..., str]

CONFIG = {
    "run": "outputs/run",
    "checkpoint": "best",
    "prompt": "ab",
    "max_new_tokens": 30,
    "decode": {"_target_": "gpt_exp.decoding.sampling.Sampling", "temperature": 0.8},
    "stop": [],
    "of": None,
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


TRANSLATION = {
    "_target_": "gpt_exp.task.translation.Translation",
    "template": "{source} =>",
    "max_new_tokens": 6,
}
GREEDY = {"_target_": "gpt_exp.decoding.greedy.Greedy"}


@pytest.fixture
def answers(run: LoadedRun, capsys: pytest.CaptureFixture[str]) -> Output:
    """Of a run of a task, judged with greedy decoding."""
    run.config.update({"task": TRANSLATION, "decode": GREEDY})

    def generated(*overrides: str, **settings: Any) -> str:
        generate.main(OmegaConf.create({**CONFIG, "prompt": "a dog", **settings}), list(overrides))
        return capsys.readouterr().out

    return generated


def test_a_run_of_a_task_answers_as_it_was_judged(run: LoadedRun, answers: Output) -> None:
    task = Translation(template="{source} =>", max_new_tokens=6)
    (expected,) = task.generate(run.model, [{"source": "a dog"}], run.tokenizer, Greedy())
    assert answers() == answers(prompt='{"source": "a dog"}') == expected + "\n"


def test_what_the_command_line_gives_goes_before_the_run_s_own(run: LoadedRun, answers: Output) -> None:
    task = Translation(template="{source} =>", max_new_tokens=9)
    expected = [
        task.generate(run.model, [{"source": "a dog"}], run.tokenizer, Sampling(temperature=0.8), seeds=[n])[
            0
        ]
        for n in (1, 2)
    ]
    given = ["decode.temperature=0.8", "max_new_tokens=9"]
    assert answers(*given, max_new_tokens=9, num_samples=2) == "\n\n".join(expected) + "\n"


BEAM = {"_target_": "gpt_exp.decoding.beam.Beam", "num_beams": 3}


def test_a_search_gives_a_task_s_best_answers(run: LoadedRun, answers: Output) -> None:
    run.config.decode = BEAM
    prompt = [256, *b"a dog =>"]
    (best,) = Beam(num_beams=3).search(run.model, [prompt], Rules(6, stop_tokens=(256,)), num_best=3)
    texts = [run.tokenizer.decode(hypothesis.tokens).strip() for hypothesis in best]
    assert len(set(texts)) == 3
    assert answers(num_samples=3) == "\n\n".join(texts) + "\n"


@pytest.mark.parametrize("key", ["num_samples", "max_new_tokens"])
def test_a_number_of_which_nothing_would_come_is_told(output: Output, key: str) -> None:
    with pytest.raises(UserError, match=f"{key}=0 must be at least 1"):
        output(**{key: 0})


def test_a_text_is_not_written_again_and_again(answers: Output) -> None:
    with pytest.raises(UserError, match="num_samples=2: this decoding gives one text"):
        answers(num_samples=2)
    with pytest.raises(UserError, match="num_samples=2: this decoding gives one text"):
        answers("decode=sampling", num_samples=2, decode={**CONFIG["decode"], "temperature": 0})  # type: ignore[dict-item]
    with pytest.raises(ValueError, match="num_beams=3 give from 1 to so many texts, not 4"):
        answers("decode=beam", num_samples=4, decode=BEAM)


def test_another_task_can_be_asked_of_a_run_of_text(run: LoadedRun, output: Output) -> None:
    assert output(task=TRANSLATION) != output()
    assert not output(task=TRANSLATION).startswith("ab")


def test_a_task_that_writes_nothing_is_told(answers: Output) -> None:
    labels = {
        "_target_": "gpt_exp.task.classification.HeadClassification",
        "labels": ["negative", "positive"],
    }
    with pytest.raises(UserError, match="HeadClassification writes no text"):
        answers(task=labels)

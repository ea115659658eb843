"""There and back: what is in the file is what the two runs say, and a second start does only what lacks."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from made_runs import save_weights

from gpt_exp import cli
from gpt_exp.augmentation import paraphrases
from gpt_exp.augmentation.back_translation import BackTranslation
from gpt_exp.decoding.greedy import Greedy
from gpt_exp.experiment.data import make_data
from gpt_exp.experiment.model import load_run, make_model
from gpt_exp.experiment.parts import make
from gpt_exp.run.folder import RunFolder
from gpt_exp.tokenizer.byte import byte

REVERSED = "data.fields={source: target, target: source}"


@pytest.fixture
def runs(new_pairs_run: Any) -> list[RunFolder]:
    """From English to German and back, as training leaves them; what they write is no language."""

    def saved(*overrides: str, name: str) -> RunFolder:
        folder = new_pairs_run("task.max_new_tokens=8", *overrides, name=name)
        config = folder.config()
        byte().save(folder.tokenizer)
        model = make_model(config, byte(), make(config.task))
        torch.manual_seed(len(name))
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.5)  # Else each byte is as likely after any text.
        save_weights(folder, 10, model)
        return folder

    return [saved(name="there"), saved(REVERSED, name="and_back")]


@pytest.fixture
def translate(runs: list[RunFolder], tmp_path: Path) -> Any:
    def run(*overrides: str, name: str = "english.jsonl") -> dict[str, list[str]]:
        given = [f"forward={runs[0].path}", f"backward={runs[1].path}", f"path={tmp_path / name}"]
        assert cli.main(["back_translate", *given, "device=cpu", "precision=32-true", *overrides]) == 0
        return paraphrases.read(tmp_path / name)

    return run


def training_texts(run: RunFolder, field: str) -> list[str]:
    content: Any = make_data(run.config(), byte()).content
    return [record[field] for record in content["train"]]


def test_a_texts_paraphrase_is_its_translations_translation(translate: Any, runs: list[RunFolder]) -> None:
    """Of every training text, and of no other."""
    found = translate("decode=greedy")
    texts = training_texts(runs[0], "source")
    assert found.keys() == set(texts) and len(texts) > 30
    loaded = [load_run(run.path) for run in runs]
    for text in texts[:3]:
        said = text
        for run in loaded:
            task = make(run.config.task)
            (said,) = task.generate(run.model, [{"source": said}], run.tokenizer, Greedy())
        assert found[text] == ([said] if said else [])
    assert any(found.values())


def test_what_is_drawn_does_not_depend_on_where_it_was_broken_off(translate: Any, tmp_path: Path) -> None:
    whole = translate("num_paraphrases=2")
    assert max(map(len, whole.values())) == 2
    half = dict(list(whole.items())[::2])
    changed = next(text for text in half if half[text])
    half[changed] = ["Said by hand ."]
    paraphrases.add(tmp_path / "half.jsonl", half)
    again = translate("num_paraphrases=2", "batch_size=5", name="half.jsonl")
    assert again == {**whole, changed: ["Said by hand ."]}
    assert translate("num_paraphrases=2", "seed=2", name="other.jsonl") != whole


def test_the_augmentation_reads_it(translate: Any, tmp_path: Path) -> None:
    import numpy as np

    found = translate()
    text = next(text for text, said in found.items() if said)
    augmentation = BackTranslation(fields=["source"], path=str(tmp_path / "english.jsonl"), share=1.0)
    assert augmentation({"source": text}, np.random.default_rng(0))["source"] in found[text]


def test_an_interruption_keeps_what_was_found(
    translate: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gpt_exp import back_translate

    whole, said_anew, batches = translate(), back_translate.said_anew, []

    def interrupted(*arguments: Any) -> dict[str, list[str]]:
        batches.append(arguments)
        if len(batches) == 3:
            raise KeyboardInterrupt
        return said_anew(*arguments)

    monkeypatch.setattr(back_translate, "said_anew", interrupted)
    with pytest.raises(AssertionError):  # Exit code 130.
        translate("batch_size=5", name="broken_off.jsonl")
    kept = paraphrases.read(tmp_path / "broken_off.jsonl")
    assert len(kept) == 10
    assert kept.items() <= whole.items()


def test_other_data_and_another_field_can_be_named(translate: Any, tmp_path: Path) -> None:
    rows = [{"text": "Air quality day 2"}, {"text": "Save and continue editing"}]
    (tmp_path / "texts.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    held_out = [f"data.{part}={tmp_path}/texts.jsonl" for part in ("train", "val", "test")]
    found = translate("data=jsonl", *held_out, "field=text", name="texts.out.jsonl")
    assert found.keys() == {row["text"] for row in rows}


def test_mistakes_are_lines(
    runs: list[RunFolder], new_pairs_run: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [f"forward={runs[0].path}", f"backward={runs[1].path}", f"path={tmp_path / 'x'}", "device=cpu"]
    assert cli.main(["back_translate", *given, "decode=beam", "num_paraphrases=2"]) == 2
    assert "num_paraphrases: 2 different ones come of decode=sampling alone" in capsys.readouterr().err
    assert cli.main(["back_translate", *given, "field=text"]) == 2
    assert "no field 'text'" in capsys.readouterr().err
    config = runs[1].config()
    config.task.template = "{source} and {other} =>"
    runs[1].save_config(config)
    assert cli.main(["back_translate", *given]) == 2
    assert "writes no text from one field" in capsys.readouterr().err

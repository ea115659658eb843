"""What evaluate finds of a run and of a model that is none, where it keeps it, and what it refuses."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from made_runs import ASSETS, PAIRS, create, with_steps

from gpt_exp import cli
from gpt_exp.corpus.record_split import divide
from gpt_exp.corpus.split import Split
from gpt_exp.experiment.model import load_run
from gpt_exp.experiment.parts import make
from gpt_exp.page.judged import read_summary
from gpt_exp.run.checkpoint_io import RunCheckpointIO
from gpt_exp.run.folder import RunFolder
from gpt_exp.tokenizer.byte import byte

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
HERE = ["device=cpu", "precision=32-true"]
NETWORK = [each for each in PAIRS if not each.startswith(("data", "task", "module", "callback"))]
DATA = [each for each in PAIRS if each.startswith(("data", "split"))]
SENTIMENTS = "text\tlabel\n" + "".join(
    f"text number {i}\t{('negative', 'positive')[i % 2]}\n" for i in range(40)
)


@pytest.fixture
def saved(tmp_path: Path) -> Any:
    """A run as training leaves it, with other weights at each of its steps."""

    def make_run(*overrides: str, steps: tuple[int, ...] = (10, 20), name: str = "run") -> RunFolder:
        return with_steps(create(tmp_path, name, list(overrides or PAIRS)), steps)

    return make_run


@pytest.fixture
def sentiments(tmp_path: Path) -> list[str]:
    """Labelled texts, as overrides."""
    (tmp_path / "labelled.tsv").write_text(SENTIMENTS)
    return ["data=tsv", f"data.train={tmp_path / 'labelled.tsv'}"]


def evaluate(folder: RunFolder, *given: str) -> int:
    return cli.main(["evaluate", f"run={folder.path}", *HERE, *given])


def outputs(folder: Path, split: str) -> list[str]:
    lines = (folder / "predictions" / f"{split}.jsonl").read_text().splitlines()
    return [json.loads(line)["output"] for line in lines]


def test_a_folder_of_transformers_answers_as_transformers_itself(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    byte().save(tmp_path)
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_file=str(tmp_path / "tokenizer.json"), eos_token="<|endoftext|>"
    )
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=128,
        initializer_range=0.2,
    )
    theirs = transformers.LlamaForCausalLM(config).eval()
    for part in (theirs, tokenizer):
        part.save_pretrained(tmp_path / "their model")
    given = ["model=hf", f"model.path='{tmp_path / 'their model'}'", "task=translation", *DATA, *HERE]
    given += ["task.max_new_tokens=6", "splits=[test]", f"paths.output={tmp_path / 'found'}"]
    assert cli.main(["evaluate", *given, f"paths.outputs={tmp_path}"]) == 0
    rows = (tmp_path / "found/predictions/test.jsonl").read_text().splitlines()
    for row in map(json.loads, rows):
        tokens = tokenizer(f"<|endoftext|>{row['input']} =>", return_tensors="pt").input_ids
        told = theirs.generate(
            tokens, max_new_tokens=6, do_sample=False, eos_token_id=tokenizer.eos_token_id, pad_token_id=0
        )
        assert row["output"] == tokenizer.decode(told[0, tokens.shape[1] :], skip_special_tokens=True).strip()
    assert len(rows) > 5 and (tmp_path / "found/evaluation.html").is_file()


def test_an_evaluation_stands_in_the_report_at_once(saved: Any) -> None:
    folder = saved()
    assert evaluate(folder, "splits=[val]") == 0
    bleu = json.loads((folder.path / "evaluation.json").read_text())["val"]["chrf"]
    report = folder.report.read_text()
    assert f"{bleu:.4g}" in report and 'href="evaluation.html"' in report


def test_predictions_tell_of_which_checkpoint_data_and_task_they_are(saved: Any, sentiments: Any) -> None:
    folder = saved()
    folder.best.write_text('{"step": 10}')
    assert evaluate(folder, "splits=[val]", "decode=beam", "decode.num_beams=2") == 0
    assert evaluate(folder, "splits=[test]", "task=sentiment_verbalizer", "checkpoint=last", *sentiments) == 0
    val, test = (evaluated.how for evaluated in read_summary(folder.path))
    assert val["checkpoint"] == "step-00000010" and not {"data", "task"} & val.keys()
    assert val["decode"].startswith("gpt_exp.decoding.beam.Beam(num_beams=2, length_penalty=1.0")
    assert test["checkpoint"] == "step-00000020"
    assert (test["data"], test["task"]) == ("delimited", "classification")
    assert "checkpoint: step-00000020, data: delimited" in (folder.path / "evaluation.html").read_text()


def test_a_pretrained_run_is_asked_a_task_that_it_never_learnt(saved: Any) -> None:
    text = ["data=text", f"data.paths=[{ASSETS / 'public_domain.txt'}]"]
    folder = saved(*NETWORK, *text, "model.context_length=128")
    asked = ["task=translation", "task.max_new_tokens=4", *DATA, "splits=[test]"]
    assert evaluate(folder, *asked, "shots=2") == 0
    few = outputs(folder.path, "test")
    assert evaluate(folder, *asked) == 0
    assert len(few) == len(outputs(folder.path, "test")) > 5 and few != outputs(folder.path, "test")


def test_a_run_less_itself_is_nothing_and_less_another_is_something(saved: Any, capsys: Any) -> None:
    ours, other = saved(), saved(name="other")
    assert evaluate(other, "splits=[test]") == 0
    assert evaluate(ours, "splits=[test]", f"against={other.path}") == 0
    chrf, theirs = (
        json.loads((run.path / "evaluation.json").read_text())["test"]["chrf"] for run in (ours, other)
    )
    told = capsys.readouterr().out.split("test: less")[1]
    assert f"{chrf - theirs:+.4f}" in told and chrf != theirs
    assert evaluate(ours, "splits=[test]", f"against={ours.path}") == 0
    told = capsys.readouterr().out.split("test: less")[1]
    assert told.count("+0.0000 to +0.0000") == 3 and told.count("1.000") == 3


def test_what_a_folder_holds_beside_its_language_model_is_read(
    saved: Any, sentiments: Any, tmp_path: Path
) -> None:
    run = saved(*NETWORK, "module=fine_tuning", "task=sentiment", *sentiments)
    assert cli.main(["export", f"run={run.path}", f"path={tmp_path / 'exported'}"]) == 0
    assert evaluate(run, "splits=[val]") == 0
    split = [each for each in PAIRS if each.startswith("split")]
    given = ["model=hf", f"model.path={tmp_path / 'exported'}", "task=sentiment", *sentiments, *split, *HERE]
    given += ["splits=[val]", f"paths.output={tmp_path / 'found'}", f"paths.outputs={tmp_path}"]
    assert cli.main(["evaluate", *given]) == 0
    assert outputs(tmp_path / "found", "val") == outputs(run.path, "val")
    (tmp_path / "exported/heads.safetensors").unlink()
    assert cli.main(["evaluate", *given]) == 2


WRONG = [
    (
        ["splits=[tset]"],
        "splits: the data have train, val, test, not tset (command line). Did you mean splits=[test]?",
    ),
    (
        ["task=language_modeling", "splits=[tset]"],
        "splits: the data have train, val, test, not tset. Did you mean splits=[test]?",
    ),
    (["limit=0"], "limit: 0 must be a number of records, or a share above 0 and at most 1"),
    (["limit=1.5"], "limit: 1.5 must be a number of records, or a share"),
    (["limit=5", "lm_eval=[my_task]"], "limit: is of splits, and lm_eval=[...] has none"),
    (["batch_size=0"], "batch_size: 0 must be at least 1"),
    (["shots=-1"], "shots: -1 must be at least 0"),
    (["shots=1000000"], "shots=1000000: the training split has"),
    (["precision=bf16-mixd"], "Did you mean precision=bf16-mixed?"),
    (["against=outputs/nothing"], "has no predictions for"),
    (["model=hf", "model.path=somewhere"], "give one of them"),
    (["task=span_question_answering"], "reads a head 'span'"),
    (["task=language_modeling", "shots=3"], "shots: of text there are losses alone"),
    (["task=language_modeling", "decode=beam"], "decode: of text there are losses alone"),
    (["task=language_modeling", "against=outputs/nothing"], "against: of text there are losses alone"),
]


def test_every_mistake_is_a_line(saved: Any, capsys: Any) -> None:
    folder = saved(steps=(10,))
    for given, told in WRONG:
        assert evaluate(folder, *given) == 2, given
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("error: ") and told in line
    assert not (folder.path / "predictions").exists()


def test_a_limit_leaves_records_from_all_over_a_split(saved: Any, capsys: Any) -> None:
    folder = saved(steps=(10,))
    assert evaluate(folder, "splits=[test]") == 0
    whole = outputs(folder.path, "test")
    for limit, count in (("limit=3", 3), ("limit=0.5", round(len(whole) / 2)), ("limit=1000", len(whole))):
        assert evaluate(folder, "splits=[test]", limit) == 0
        assert outputs(folder.path, "test") == [whole[i * len(whole) // count] for i in range(count)]
    assert evaluate(folder, "splits=[test]", "limit=3") == 0
    assert evaluate(folder, "splits=[test]", "limit=3", f"against={folder.path}") == 0
    assert evaluate(folder, "splits=[test]", "limit=4", f"against={folder.path}") == 2
    assert "has other records, 3 and not 4" in capsys.readouterr().err


def test_figures_of_a_part_are_told_as_such(saved: Any, tmp_path: Path) -> None:
    folder = saved(steps=(10,))
    for limit, is_part in (("limit=2", True), ("limit=null", False)):
        assert evaluate(folder, "splits=[test]", limit) == 0
        known = json.loads((folder.path / "evaluation.json").read_text())["test"]
        assert known.get("evaluated_share", 1) == (2 / len(outputs_of_all(folder)) if is_part else 1)
        assert ("of a part" in (folder.path / "evaluation.html").read_text()) == is_part
        assert ("test, 20 % of it" in (folder.path / "report.html").read_text()) == is_part
        assert cli.main(["export", f"run={folder.path}", f"path={tmp_path / str(is_part)}"]) == 0
        assert ("chrf" in (tmp_path / str(is_part) / "README.md").read_text()) == (not is_part)


def outputs_of_all(folder: RunFolder) -> list[Any]:
    config = folder.config()
    return divide(make(config.data).read(), Split(**config.split))["test"]


def test_another_runs_answers_must_be_to_the_same_records_by_the_same_measure(
    saved: Any, sentiments: Any, capsys: Any
) -> None:
    ours, other = saved(), saved(*NETWORK, "module=fine_tuning", "task=sentiment", *sentiments, name="other")
    assert evaluate(other) == 0
    assert evaluate(ours, f"against={other.path}") == 2
    assert "was judged by accuracy, not by bleu" in capsys.readouterr().err
    fewer = saved(*PAIRS, "split.test_fraction=0.3", name="fewer")
    assert evaluate(fewer, "splits=[test]") == 0
    assert evaluate(ours, "splits=[test]", f"against={fewer.path}") == 2
    assert "its test has other records" in capsys.readouterr().err
    assert not (ours.path / "predictions").exists()


def test_the_run_that_another_began_from_is_found_from_any_folder(
    saved: Any, tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    base = saved(name="outputs/base/1")
    inherited = [each for each in PAIRS if not each.startswith(("model.", "tokenizer"))]
    monkeypatch.chdir(tmp_path)
    begins = ["model=run", "init.run=outputs/base/1", "adapter=lora"]
    folder = saved(*inherited, *begins, steps=(), name="outputs/fine/1")
    weights = {n: t for n, t in load_run(base.path).model.state_dict().items() if "norm" in n}
    weights = {f"model.{n}": tensor for n, tensor in weights.items()}
    RunCheckpointIO().save_checkpoint({"state_dict": weights}, folder.checkpoint(1))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert evaluate(folder, "splits=[test]") == evaluate(base, "splits=[test]") == 0
    assert outputs(folder.path, "test") == outputs(base.path, "test")
    base.path.rename(tmp_path / "moved")
    assert evaluate(folder, "splits=[test]") == 2
    assert "the rest is in init.run=outputs/base/1, not found from here" in capsys.readouterr().err

"""An exported run opens in transformers as it was trained, and its card tells what was measured."""

import json

import pytest
import torch
import yaml
from made_runs import save_weights
from omegaconf import OmegaConf

from gpt_exp import export
from gpt_exp.config.compose import compose
from gpt_exp.evaluation.judged import judge, save
from gpt_exp.experiment.model import load_run, make_model
from gpt_exp.experiment.parts import make
from gpt_exp.interfaces import Prediction
from gpt_exp.run.folder import RunFolder
from gpt_exp.task.metric.translation import TranslationMetric
from gpt_exp.tokenizer.byte import byte

TINY = [
    "module=fine_tuning",
    "tokenizer=byte",
    "model.num_layers=1",
    "model.num_heads=2",
    "model.embedding_dim=16",
    "model.context_length=64",
    "optimizer.lr=0.0123",
]
TASKS = {
    "translation": ["data=parallel", "task=translation", "task.max_new_tokens=3"],
    "sentiment": ["data=sst2", "task=sentiment"],
    "dialogue": ["data=dialogsum_dialogues", "task=dialogue", "task.max_new_tokens=3"],
}
RECORDS = [
    {"source": "Two dogs run in the snow .", "target": "Zwei Hunde rennen im Schnee ."},
    {"source": "A man reads a book .", "target": "Ein Mann liest ein Buch ."},
]
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture
def new_run(tmp_path):
    """A run as training leaves it, with weights as they are drawn and one checkpoint a step."""

    def make_run(*overrides, steps=(7,), name="demo", of="translation") -> RunFolder:
        given = [
            *TINY,
            *TASKS[of],
            f"data.root={tmp_path}/secret",
            f"paths.outputs={tmp_path}/outputs",
            *overrides,
        ]
        config = compose("train", given)
        folder = RunFolder.create(tmp_path / "outputs" / name / "1", config, given)
        byte().save(folder.tokenizer)
        for step in steps:
            save_weights(folder, step, trained(make_model(config, byte(), make(config.task))))
        results = {"step": 7, "num_tokens_seen": 7000, "seconds": 12.0, "val": {"loss": 2.5, "gzip": 3.0}}
        folder.results.write_text(json.dumps(results))
        answers = [
            Prediction(record["target"].replace("Hunde", "Katzen"), record["target"]) for record in RECORDS
        ]
        judged = judge(
            RECORDS,
            lambda records: [answers[RECORDS.index(r)] for r in records],
            TranslationMetric(),
            batch_size=2,
            seed=0,
        )
        about = {"shots": 0, "checkpoint": folder.resolve("best").name}
        save(folder.path, "val", judged, TranslationMetric(), **about)
        return folder

    return make_run


def trained(model):
    """Every weight moved off its start, at which adapters and biases do nothing."""
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model


def exported(run, tmp_path, checkpoint="best"):
    folder = tmp_path / "new" / "folder"
    config = {
        "run": str(run.path),
        "of": None,
        "checkpoint": checkpoint,
        "path": str(folder),
        "max_shard_bytes": 10**9,
    }
    export.main(OmegaConf.create(config), [])
    return folder


@pytest.mark.parametrize("model", ["gpt_nano", "llama_nano"])
@pytest.mark.parametrize("adapter", ["full", "lora"])
def test_transformers_opens_the_export_of_a_run(new_run, tmp_path, model, adapter):
    transformers = pytest.importorskip("transformers")
    run = new_run(f"model={model}", f"adapter={adapter}")
    folder = exported(run, tmp_path)
    theirs = transformers.AutoModelForCausalLM.from_pretrained(folder)
    tokens = torch.tensor([transformers.AutoTokenizer.from_pretrained(folder).encode("a line")])
    assert tokens.tolist() == [byte().encode("a line")]
    ours = load_run(run.path).model  # With its adapters beside the weights.
    with torch.no_grad():
        expected = ours.logits(ours(tokens))
        torch.testing.assert_close(theirs(tokens).logits, expected, rtol=0, atol=1e-4)


def test_the_card_tells_what_the_run_was_and_reached(new_run, tmp_path):
    run = new_run("model=llama_nano")
    text = (exported(run, tmp_path) / "README.md").read_text()
    figures = json.loads((run.path / "predictions/summary.json").read_text())["val"]
    metadata = yaml.safe_load(text.split("---\n")[1])
    (result,) = metadata["model-index"][0]["results"]
    assert {each["type"]: each["value"] for each in result["metrics"]} == figures["figures"] | {"loss": 2.5}
    assert result["dataset"]["split"] == "val" and metadata["language"] == ["en", "de"]
    low, high = (f"{end:.4g}" for end in figures["intervals"]["bleu"])
    assert f"| {low} to {high} |" in text
    for told in ("7,000", "12 s", "lr=0.0123", "step-00000007", "{source} =>"):
        assert told in text.replace("7 k", "7,000")
    assert str(tmp_path) not in text and "root=secret" in text


def test_the_hub_reads_the_card(new_run, tmp_path):
    hub = pytest.importorskip("huggingface_hub")
    folder = exported(new_run(name='a: "b" | <i>'), tmp_path)
    card = hub.ModelCard.load(folder / "README.md")
    assert card.data.library_name == "transformers" and "translation" in card.data.tags
    assert {each.metric_type for each in card.data.eval_results} == {"bleu", "chrf", "ter", "loss"}


def test_what_the_card_says_to_write_runs(new_run, tmp_path, monkeypatch, capsys):
    pytest.importorskip("transformers")
    run = new_run()
    config = run.config()
    config.task.template = '{source}\n"Deutsch" ä 😀 :'
    run.save_config(config)
    folder = exported(run, tmp_path)
    code = (folder / "README.md").read_text().split("```python\n")[1].split("```")[0]
    monkeypatch.chdir(folder)
    found = {}
    exec(code, found)
    assert found["prompt"] == 'your source\n"Deutsch" ä 😀 :'
    assert found["tokens"].input_ids[0].tolist() == [byte().end_of_text, *byte().encode(found["prompt"])]
    assert found["output"].shape[1] - found["tokens"].input_ids.shape[1] <= 3


def test_results_of_another_checkpoint_are_not_told(new_run, tmp_path):
    run = new_run(steps=(3, 7))
    run.best.write_text(json.dumps({"step": 7}))
    text = (exported(run, tmp_path, "step-00000003") / "README.md").read_text()
    assert "model-index" not in text and "step-00000003, which is not the run's best one" in text
    assert "model-index" in (exported(run, tmp_path, "step-00000007") / "README.md").read_text()


def test_answers_of_another_checkpoint_task_or_data_are_not_told(new_run, tmp_path):
    run = new_run(steps=(3, 7))
    summary = run.path / "predictions/summary.json"
    entry = json.loads(summary.read_text())["val"]
    for other in ({"checkpoint": "step-00000003"}, {"task": "summarization"}, {"data": "delimited"}):
        summary.write_text(json.dumps({"val": entry | other}))
        text = (exported(run, tmp_path) / "README.md").read_text()
        assert "bleu" not in text and "| val | loss | 2.5 |" in text
    summary.write_text(json.dumps({"val": entry | {"checkpoint": "step-00000003", "shots": 5}}))
    run.best.write_text(json.dumps({"step": 7}))
    text = (exported(run, tmp_path, "step-00000003") / "README.md").read_text()
    assert "| val | bleu |" in text and "loss" not in text and "Answers to val: 5 shots." in text


@pytest.mark.parametrize("adapter", ["full", "lora"])
def test_what_the_card_says_of_a_head_gives_the_runs_own_logits(new_run, tmp_path, monkeypatch, adapter):
    pytest.importorskip("transformers")
    run = new_run(f"adapter={adapter}", of="sentiment")
    folder = exported(run, tmp_path)
    text = (folder / "README.md").read_text()
    assert "pipeline_tag" not in text and "generate(" not in text
    monkeypatch.chdir(folder)
    found = {}
    exec(text.split("```python\n")[1].split("```")[0], found)
    ours = load_run(run.path)
    task = make(ours.config.task)
    example = task.example({"text": "your text", "label": "negative"}, byte(), context_length=64)
    with torch.no_grad():
        logits, _ = task.scores(ours.model, task.collate([example]))
    torch.testing.assert_close(found["logits"], logits[0], rtol=0, atol=1e-4)
    assert found["labels"] == ["negative", "positive"]


@pytest.mark.parametrize("end", [None, "<end>"])
def test_a_dialogue_is_asked_in_its_own_form(new_run, tmp_path, monkeypatch, end):
    pytest.importorskip("transformers")
    run = new_run("task.end_of_turn=" + ("null" if end is None else f"'{end}'"), of="dialogue")
    folder = exported(run, tmp_path)
    monkeypatch.chdir(folder)
    found = {}
    exec((folder / "README.md").read_text().split("```python\n")[1].split("```")[0], found)
    task = make(run.config().task)
    messages = [{"role": "user", "content": "your message"}]
    expected, _ = task.read({"messages": messages}, byte(), 64)
    prefix = task.template.prefix("assistant", byte())
    assert found["tokens"].input_ids[0].tolist() == [*expected.tolist(), *prefix]


def test_a_run_that_goes_on_from_a_model_says_so(new_run, tmp_path):
    run = new_run()
    config = run.config()
    config.init.run = "/home/someone/outputs/pretrain_demo/2026-01-01"
    run.save_config(config)
    text = (exported(run, tmp_path) / "README.md").read_text()
    assert "goes on from pretrain_demo/2026-01-01." in text and "/home" not in text

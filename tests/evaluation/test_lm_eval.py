"""lm-eval's tasks: what it is told are our model's own log-likelihoods and texts."""

import json
import sys
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import yaml

from gpt_exp import cli
from gpt_exp.decoding.greedy import Greedy
from gpt_exp.errors import UserError
from gpt_exp.evaluation.lm_eval import measures, run_tasks
from gpt_exp.interfaces import Rules
from gpt_exp.model.gpt2 import GPT2
from gpt_exp.tokenizer.byte import byte

PAIRS = Path(__file__).parents[1] / "assets" / "pairs.tsv"
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
needs_lm_eval = pytest.mark.skipif(find_spec("lm_eval") is None, reason="needs gpt-exp[eval]")


@pytest.fixture(scope="module")
def network() -> GPT2:
    torch.manual_seed(0)
    model = GPT2(vocab_size=257, context_length=48, num_layers=2, num_heads=2, embedding_dim=16)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)  # Else all answers are about as likely.
    return model.eval()


@pytest.fixture(scope="module")
def records() -> list[dict[str, Any]]:
    """Which of two translations is that of a string of a user interface?"""
    rows = [line.split("\t") for line in PAIRS.read_text().splitlines()[1:9]]
    return [{"source": source, "choices": [target, other]} for (source, target), (_, other) in pairwise(rows)]


@pytest.fixture
def tasks(tmp_path: Path, records: list[dict[str, Any]]) -> str:
    """A folder with the files of two tasks."""
    data, folder = tmp_path / "pairs.jsonl", tmp_path / "tasks"
    folder.mkdir()
    data.write_text("".join(f"{json.dumps(record)}\n" for record in records))
    shared = {
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(data)}, "cache_dir": str(tmp_path / "cache")},
        "test_split": "test",
        "doc_to_text": "{{source}} =>",
    }
    choice = {"output_type": "multiple_choice", "doc_to_choice": "{{choices}}", "doc_to_target": 0}
    written = {
        "output_type": "generate_until",
        "doc_to_target": "{{choices[0]}}",
        "generation_kwargs": {"until": ["a"], "max_gen_toks": 8, "do_sample": False},
        "metric_list": [{"metric": "exact_match"}],
    }
    for name, own in (("pick", choice), ("write", written)):
        (folder / f"{name}.yaml").write_text(yaml.safe_dump({"task": name, **shared, **own}))
    return str(folder)


def log_likelihood(model: GPT2, context: str, continuation: str) -> tuple[float, bool]:
    """Of one text by itself, straight from the logits."""
    tokenizer, limit = byte(), model.shape.context_length
    own = tokenizer.encode(continuation)
    tokens = [tokenizer.end_of_text, *tokenizer.encode(context), *own][-limit - 1 :]
    with torch.no_grad():
        logits = model.logits(model(torch.tensor([tokens[:-1]])))[0, -len(own) :]
    log_probabilities = logits.log_softmax(-1)[range(len(own)), own]
    return float(log_probabilities.sum()), logits.argmax(-1).tolist() == own


def best_continuation(model: GPT2, contexts: list[str]) -> tuple[str, str]:
    """One of the contexts, and the letter that greedy decoding writes after it."""
    found = [Greedy()(model, [[256, *context.encode()]], Rules(1))[0][0] for context in contexts]
    return next((context, chr(token)) for context, token in zip(contexts, found, strict=True) if token < 128)


def asked(*arguments: Any) -> Any:
    return SimpleNamespace(args=arguments)


def adapter(model: GPT2, **settings: Any) -> Any:
    from gpt_exp.evaluation.lm_eval_model import LMEvalModel

    return LMEvalModel(model, byte(), **{"batch_size": 3, **settings})


@needs_lm_eval
def test_log_likelihoods_are_those_of_each_text_alone(network: GPT2, records: list[dict[str, Any]]) -> None:
    """Also of texts that are longer than the context."""
    pairs = [(record["source"], f" {choice}") for record in records for choice in record["choices"]]
    pairs += [(" ".join(record["source"] for record in records), pairs[0][1]), ("", "Konfiguration")]
    pairs.append(best_continuation(network, [record["source"] for record in records]))
    found = adapter(network).loglikelihood([asked(*pair) for pair in pairs])
    wanted = [log_likelihood(network, *pair) for pair in pairs]
    assert [value for value, _ in found] == pytest.approx([value for value, _ in wanted], rel=1e-5)
    assert [is_best for _, is_best in found] == [is_best for _, is_best in wanted]
    assert found[-1][1] and not found[0][1]


@needs_lm_eval
@pytest.mark.parametrize("length", [0, 1, 48, 49, 130])
def test_a_text_is_scored_token_by_token_in_windows_as_lm_eval_cuts_them(network: GPT2, length: int) -> None:
    from lm_eval.utils import get_rolling_token_windows

    text = PAIRS.read_text().replace("\n", " ")[:length]
    tokens = byte().encode(text)
    total = 0.0
    for read, own in get_rolling_token_windows(tokens, prefix_token=256, max_seq_len=48, context_len=1):
        with torch.no_grad():
            logits = network.logits(network(torch.tensor([read])))[0, -len(own) :]
        total += float(logits.log_softmax(-1)[range(len(own)), own].sum())
    assert adapter(network).loglikelihood_rolling([asked(text)]) == [pytest.approx(total, rel=1e-5)]


@needs_lm_eval
def test_the_end_of_text_goes_before_contexts_only_where_it_is_wanted(network: GPT2) -> None:
    with_it, without = (adapter(network, begins=begins) for begins in (True, False))
    context, own = byte().encode("Air quality"), byte().encode(" day")
    assert with_it._encode_pair("Air quality", " day") == ([256, *context], own)
    assert without._encode_pair("Air quality", " day") == (context, own)
    assert without.loglikelihood([asked("", "day")]) == with_it.loglikelihood([asked("", "day")])


@needs_lm_eval
def test_a_token_over_the_seam_leaves_a_continuation_to_score(network: GPT2) -> None:
    """Here the whole text is one token, and what it has beyond the context's would be nothing."""
    from gpt_exp.evaluation.lm_eval_model import LMEvalModel
    from gpt_exp.tokenizer.bpe import train

    tokenizer = train(["Tag"] * 9, vocab_size=259)
    assert len(tokenizer.encode("Tag")) == 1
    found = LMEvalModel(network, tokenizer, batch_size=1)._encode_pair("Ta", "g")
    assert found == ([tokenizer.end_of_text, *tokenizer.encode("Ta")], tokenizer.encode("g"))


@needs_lm_eval
def test_figures_are_what_our_own_model_says(
    network: GPT2, records: list[dict[str, Any]], tasks: str
) -> None:
    found = run_tasks(network, byte(), ["pick", "write"], path=tasks, batch_size=3)
    likelihoods = [
        [log_likelihood(network, f"{record['source']} =>", f" {choice}")[0] for choice in record["choices"]]
        for record in records
    ]
    accuracy = sum(first > second for first, second in likelihoods) / len(records)
    assert 0 < accuracy < 1
    assert found["pick"]["acc"] == pytest.approx(accuracy)
    assert found["pick"]["records"] == len(records)
    (measure, value, error), *_ = measures(found["pick"])
    assert (measure, value) == ("acc", found["pick"]["acc"])
    assert error == pytest.approx((accuracy * (1 - accuracy) / (len(records) - 1)) ** 0.5)
    assert found["write"]["exact_match"] == 0


@needs_lm_eval
def test_texts_are_those_of_our_decoding_up_to_a_stop_string(
    network: GPT2, records: list[dict[str, Any]]
) -> None:
    prompts = [record["source"] for record in records]
    whole = [
        byte().decode(Greedy()(network, [[256, *prompt.encode()][-36:]], Rules(12, stop_tokens=(256,)))[0])
        for prompt in prompts
    ]
    stop = next(letter for text in whole for letter in text[2:] if letter.isascii())
    requests = [asked(prompt, {"until": [stop], "max_gen_toks": 12}) for prompt in prompts]
    found = adapter(network).generate_until(requests)
    assert found == [text.split(stop)[0] for text in whole]
    assert any(stop in text for text in whole)


@needs_lm_eval
def test_what_is_drawn_is_a_function_of_the_seed(network: GPT2) -> None:
    request = asked("Air quality", {"do_sample": True, "temperature": 1.0, "max_gen_toks": 12})
    texts = [adapter(network, seed=seed).generate_until([request]) for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]
    with pytest.raises(ValueError, match="generation_kwargs: no num_beams here"):
        adapter(network).generate_until([asked("Air", {"num_beams": 4})])


@needs_lm_eval
def test_the_verb_keeps_figures_beside_those_of_the_splits(
    train_pairs: Any, tasks: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = train_pairs("trainer.max_steps=2", "trainer.val_check_interval=2")
    (folder.path / "evaluation.json").write_text('{"val": {"loss": 5.0}, "lm_eval": {"old": {"acc": 0.5}}}')
    given = ["evaluate", f"run={folder.path}", "device=cpu", "precision=32-true"]
    assert cli.main([*given, "lm_eval=[pick]", f"lm_eval_path={tasks}", "lm_eval_limit=4"]) == 0
    known = json.loads((folder.path / "evaluation.json").read_text())
    assert known["val"] == {"loss": 5.0}
    assert known["lm_eval"]["old"] == {"acc": 0.5}
    assert known["lm_eval"]["pick"]["records"] == 4
    assert f"{known['lm_eval']['pick']['acc']:.4f}" in capsys.readouterr().out
    assert cli.main([*given, "splits=[val]"]) == 0
    again = json.loads((folder.path / "evaluation.json").read_text())
    assert again["lm_eval"] == known["lm_eval"] and again["val"] != known["val"]


@needs_lm_eval
def test_a_misspelt_task_is_a_line(
    network: GPT2, tasks: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Its own thousands of files take long to read: one folder without any stands for them.
    monkeypatch.setattr("lm_eval.tasks.manager.__file__", str(tmp_path / "own" / "manager.py"))
    (tmp_path / "own").mkdir()
    with pytest.raises(UserError, match=r"no task 'pic'; did you mean pick\?"):
        run_tasks(network, byte(), ["pic"], path=tasks)
    with pytest.raises(UserError, match="no such folder"):
        run_tasks(network, byte(), ["pick"], path=str(tmp_path / "none"))


def test_without_the_package_it_says_what_to_install(network: GPT2, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lm_eval", None)
    with pytest.raises(ValueError, match=r"pip install 'gpt-exp\[eval\]'"):
        run_tasks(network, byte(), ["pick"])

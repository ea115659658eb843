"""XQuAD by paragraph: a span head from scratch, one trained on cloze questions first, and baselines.

    python benchmarks/question_answering.py --data FOLDER [--seeds 3] [--cloze-steps 600] [--cloze RUN]

FOLDER holds xquad/, wikitext2/ and movie_reviews/. The cloze questions are made of running text without
a label, after recurring span selection (Ram et al. 2021, arXiv:2101.00438): a sentence is the question,
with a blank for a span that stands in the rest of the paragraph too, and that is the answer. The text is
WikiText-2's validation and test parts, film reviews, and XQuAD's training paragraphs; no held-out
paragraph is among it. The baselines answer with the training part's best constant, with the paragraph's
first sentence, and with the sentence, or the best window of it, that shares most words with the
question.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS
from texts import encyclopedia, pieces, reviews, sentences

from gpt_exp.config.compose import compose
from gpt_exp.experiment.data import make_data
from gpt_exp.interfaces import Prediction, Record
from gpt_exp.task.metric.bootstrap import intervals
from gpt_exp.task.metric.question_answering import ExactMatchF1

RECIPE = "experiment=question_answering_xquad"
BLANK = "_"
LONGEST = 1100  # Characters of a cloze paragraph: what fits into the context.
STOP_WORDS = ENGLISH_STOP_WORDS | {"movie", "film"}
Answer = Callable[[Record], str]


def main() -> None:
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--cloze-steps", type=int, default=600)
    parser.add_argument("--cloze", type=Path, help="a run to start from, instead of training one on cloze")
    parser.add_argument("--output", type=Path, help="where text and runs are kept; default: a new folder")
    arguments = parser.parse_args()
    folder = arguments.output or Path(tempfile.mkdtemp(prefix="gpt-exp-questions-"))
    folder.mkdir(parents=True, exist_ok=True)
    recipe = [RECIPE, f"data.root={arguments.data.resolve()}", f"paths.outputs={folder}"]
    parts: Any = make_data(compose("train", recipe)).content
    print(
        f"{len(parts['train'])} questions to learn from, {len(parts['test'])} of other paragraphs to answer"
    )
    for name, answer in baselines(parts["train"]).items():
        report(name, [judged(answer, parts["test"])])
    seeds = range(1, 1 + arguments.seeds)
    report("from scratch", [fine_tune(recipe, folder, seed) for seed in seeds])
    start = arguments.cloze or train_on_cloze(arguments, folder, parts)
    inherited = [f"init.run={start}", "model=run", "model.dropout=0.1"]
    report("cloze, then XQuAD", [fine_tune([*recipe, *inherited], folder, seed) for seed in seeds])


def report(name: str, statistics: Sequence[np.ndarray]) -> None:
    """One row: the mean over seeds, and the interval of the first seed's answers."""
    metric = ExactMatchF1()
    values = [metric.values(each.sum(0)) for each in statistics]
    bounds = intervals(metric, statistics[0], seed=1)
    cells = [
        f"{mean(v[key] for v in values):6.2f} [{bounds[key][0]:.1f}, {bounds[key][1]:.1f}]" for key in bounds
    ]
    by_seed = ", ".join(f"{v['f1']:.1f}" for v in values) if len(values) > 1 else ""
    print(f"{name:32}" + "".join(f"{cell:24}" for cell in cells) + by_seed, flush=True)


def judged(answer: Answer, records: Sequence[Record]) -> np.ndarray:
    """Statistics of a baseline's answers, `(records, num_statistics)`."""
    metric = ExactMatchF1()
    return np.stack([metric.statistics(Prediction(answer(each), each["answers"])) for each in records])


def baselines(train: Sequence[Record]) -> dict[str, Answer]:
    metric = ExactMatchF1()
    candidates = {words for record in train for words in sentences(record["answers"][0])}

    def f1(constant: str) -> float:
        found = judged(lambda record: constant, train[::5]).sum(0)
        return metric.values(found)["f1"]

    best = max(sorted(candidates)[::4], key=f1)
    return {
        f"always {best!r}": lambda record: best,
        "first sentence": lambda record: sentences(record["context"])[0],
        "sentence with most of its words": lambda record: closest(record, sentences(record["context"])),
        "window beside its words": window,
    }


def closest(record: Record, candidates: Sequence[str]) -> str:
    asked = content_words(record["question"])
    return max(candidates, key=lambda text: len(asked & content_words(text)))


def window(record: Record) -> str:
    """Of the closest sentence the four words nearest to the question's, which are not among them."""
    words = closest(record, sentences(record["context"])).split()
    asked = content_words(record["question"])
    known = [bool(content_words(word) & asked) for word in words]

    def score(start: int) -> float:
        near = sum(1 / (1 + abs(i - start)) for i, each in enumerate(known) if each)
        return near - sum(known[start : start + 4])

    start = max(range(max(1, len(words) - 3)), key=score)
    return " ".join(words[start : start + 4])


def content_words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower())) - STOP_WORDS


def fine_tune(overrides: Sequence[str], folder: Path, seed: int) -> np.ndarray:
    """Statistics of the answers to the test part, `(records, num_statistics)`."""
    run = Path(tempfile.mkdtemp(prefix="run-", dir=folder)) / "run"
    gpt_exp("train", *overrides, f"seed={seed}", "callback=[checkpoint]", "logger=csv", f"paths.run={run}")
    gpt_exp("evaluate", f"run={run}", "splits=[test]")
    lines = (run / "predictions" / "test.jsonl").read_text().splitlines()
    return np.array([json.loads(line)["statistics"] for line in lines])


def train_on_cloze(arguments: argparse.Namespace, folder: Path, parts: Any) -> Path:
    held_out = {record["context"] for name in ("val", "test") for record in parts[name]}
    texts = [*paragraphs(arguments.data), *dict.fromkeys(record["context"] for record in parts["train"])]
    chance = random.Random(1)
    records = [each for text in texts if text not in held_out for each in cloze(text, chance)]
    chance.shuffle(records)
    print(f"{len(records):,} cloze questions of {len(texts):,} paragraphs", flush=True)
    file = folder / "cloze.json"
    file.write_text(json.dumps({"data": [{"paragraphs": records}]}))
    run = folder / "cloze"
    gpt_exp(
        "train",
        RECIPE,
        "data=squad",
        f"data.train={file}",
        "optimizer=muon",
        "schedule=warmup_stable_decay",
        "batch_size=32",
        "split={val_fraction: 0.02, test_fraction: 0.01}",
        "callback=[progress,checkpoint]",
        f"trainer.max_steps={arguments.cloze_steps}",
        f"trainer.val_check_interval={max(1, arguments.cloze_steps // 6)}",
        f"paths.outputs={folder}",
        f"paths.run={run}",
    )
    return run


def paragraphs(data: Path) -> Iterator[str]:
    """Running text in pieces that fit into a context."""
    for text in (*encyclopedia(data), *reviews(data)):
        yield from pieces(text, LONGEST)


def cloze(text: str, chance: random.Random, most: int = 3) -> Iterator[dict[str, Any]]:
    """Paragraphs of SQuAD's format with one question each: the paragraph without the sentence that asks."""
    parts = sentences(text[: 2 * LONGEST])
    counts = Counter(span for part in parts for span in set(spans(part)))
    recurring = [span for span, count in counts.items() if count > 1]
    longest = [span for span in recurring if not any(span != other and span in other for other in recurring)]
    for span in chance.sample(longest, min(most, len(longest))):
        pattern = re.compile(rf"(?<!\w){re.escape(span)}(?!\w)")
        places = [i for i, part in enumerate(parts) if pattern.search(part)]
        asking = chance.choice(places)
        context = " ".join(part for i, part in enumerate(parts) if i != asking)
        found = pattern.search(context)
        if found and len(context) > 100:
            question = pattern.sub(BLANK, parts[asking])
            answer = {"text": span, "answer_start": found.start()}
            yield {"context": context, "qas": [{"question": question, "answers": [answer]}]}


def spans(sentence: str) -> Iterator[str]:
    """Up to four words in a row that neither begin nor end with a stop word."""
    words = [(m.start(), m.end(), m.group().lower()) for m in re.finditer(r"\w[\w'-]*", sentence)]
    for i, (start, _, first) in enumerate(words):
        for _, end, last in words[i : i + 4]:
            if first not in STOP_WORDS and last not in STOP_WORDS and end - start > 2:
                yield sentence[start:end]


def gpt_exp(*arguments: str) -> None:
    done = subprocess.run([sys.executable, "-m", "gpt_exp", *arguments], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)


if __name__ == "__main__":
    main()

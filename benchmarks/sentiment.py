"""SST-2: a pretrained model, the same one from scratch, and TF-IDF with logistic regression.

    python benchmarks/sentiment.py --data FOLDER [--seeds 3] [--pretraining-steps 1300] [--subset 0.1]

FOLDER holds sst2/, movie_reviews/ and sentence_polarity/. The model is pretrained on the text of the last
two and of SST-2's training sentences; whatever equals a development sentence is dropped first, and said.
Accuracy is that on SST-2's development sentences; checkpoints are chosen on training sentences held out.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from statistics import mean, stdev

Rows = list[tuple[str, str]]  # Text and label.
VOCABULARY = "tokenizer.vocab_size=8192"
NAMES = {"0": "negative", "1": "positive"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--pretraining-steps", type=int, default=1300)
    parser.add_argument("--pretrained", type=Path, help="a run to start from, instead of pretraining one")
    parser.add_argument("--subset", type=float, default=1.0, help="share of the training sentences to use")
    parser.add_argument("--augmentations", nargs="*", default=[], help="tried one by one, beside none")
    parser.add_argument("--output", type=Path, help="where text and runs are kept; default: a new folder")
    arguments = parser.parse_args()
    folder = arguments.output or Path(tempfile.mkdtemp(prefix="gpt-exp-sentiment-"))
    folder.mkdir(parents=True, exist_ok=True)
    train, dev = (read(arguments.data / "sst2" / f"{part}.tsv") for part in ("train", "dev"))
    base = arguments.pretrained or pretrain(arguments, folder, train, dev)
    seeds = range(1, 1 + arguments.seeds)
    report("TF-IDF + logistic regression", [baseline(train, dev, arguments.subset, seed) for seed in seeds])
    for name in ["", *arguments.augmentations]:
        more = [f"augmentation=[{name}]"] if name else []
        told = f", {name}" if name else ""
        for title, start in (("from scratch", None), ("pretrained", base)):
            found = [fine_tune(arguments, folder, train, dev, seed, start, more) for seed in seeds]
            report(title + told, found)


def read(path: Path) -> Rows:
    pairs = [line.rsplit("\t", 1) for line in path.read_text(encoding="utf-8").splitlines() if line]
    return [(text, NAMES[label.strip()]) for text, label in pairs]


def report(name: str, accuracies: list[float]) -> None:
    spread = f" +- {stdev(accuracies):.2%}" if len(accuracies) > 1 else ""
    values = ", ".join(f"{accuracy:.2%}" for accuracy in accuracies)
    print(f"{name:40} {mean(accuracies):.2%}{spread}  ({values})", flush=True)


def subset(rows: Rows, share: float, seed: int) -> Rows:
    return rows if share == 1 else random.Random(seed).sample(rows, round(share * len(rows)))


def baseline(train: Rows, dev: Rows, share: float, seed: int) -> float:
    """Words and pairs of words; C is chosen by cross-validation on the training sentences."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegressionCV

    texts, labels = zip(*subset(train, share, seed), strict=True)
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"\S+", sublinear_tf=True)
    model = LogisticRegressionCV(Cs=8, max_iter=2000, random_state=seed, use_legacy_attributes=False)
    model.fit(vectorizer.fit_transform(texts), labels)
    return float(model.score(vectorizer.transform([text for text, _ in dev]), [label for _, label in dev]))


def pretrain(arguments: argparse.Namespace, folder: Path, train: Rows, dev: Rows) -> Path:
    """A run on reviews and sentences, without those of the development part."""
    forbidden = {letters(text) for text, _ in dev}
    texts = [*reviews(arguments.data), *(text for text, _ in train)]
    kept = [text for text in texts if letters(text) not in forbidden]
    print(
        f"pretraining on {len(kept):,} texts; {len(texts) - len(kept)} equal a development sentence: dropped"
    )
    corpus = folder / "pretraining.jsonl"
    corpus.write_text("".join(json.dumps({"text": text}) + "\n" for text in dict.fromkeys(kept)))
    run = folder / "pretrained"
    train_run(
        "data=json_lines",
        f"data.paths=[{corpus}]",
        "model=llama_sentiment",
        VOCABULARY,
        "sampling=packed",
        "optimizer=muon",
        "schedule=warmup_stable_decay",
        "split={val_fraction: 0.02, test_fraction: 0.0, by: auto}",
        "callback=[progress,checkpoint]",
        f"trainer.max_steps={arguments.pretraining_steps}",
        "trainer.val_check_interval=200",
        "trainer.limit_val_batches=8",
        f"paths.outputs={folder}",
        f"paths.run={run}",
    )
    return run


def letters(text: str) -> str:
    """What is left when spelling, spaces and punctuation do not count."""
    return re.sub(r"[^a-z0-9]", "", text.lower())


def reviews(data: Path) -> Iterator[str]:
    with zipfile.ZipFile(data / "movie_reviews" / "movie_reviews.zip") as archive:
        for name in sorted(archive.namelist()):
            if name.endswith(".txt") and "README" not in name:
                yield archive.read(name).decode("latin-1")
    with zipfile.ZipFile(data / "sentence_polarity" / "sentence_polarity.zip") as archive:
        for name in sorted(archive.namelist()):
            if "rt-polarity." in name:
                yield from (line.strip() for line in archive.read(name).decode("latin-1").splitlines())


def fine_tune(
    arguments: argparse.Namespace,
    folder: Path,
    train: Rows,
    dev: Rows,
    seed: int,
    start: Path | None,
    more: list[str],
) -> float:
    """Accuracy on `dev` of the checkpoint that is best on a tenth of the training sentences."""
    rows = subset(train, arguments.subset, seed)
    rows = random.Random(seed).sample(rows, len(rows))
    held_out = len(rows) // 10
    parts = {"train": rows[held_out:], "val": rows[:held_out], "test": dev}
    files = {name: folder / f"{name}-{arguments.subset}-{seed}.tsv" for name in parts}
    for name, part in parts.items():
        files[name].write_text("text\tlabel\n" + "".join(f"{text}\t{label}\n" for text, label in part))
    run = Path(tempfile.mkdtemp(prefix="run-", dir=folder)) / "run"
    steps = max(200, round(400 * arguments.subset))
    train_run(
        "experiment=sentiment_sst2",
        "data=tsv",
        *(f"data.{name}={file}" for name, file in files.items()),
        *([f"init.run={start}", "model=run"] if start else [VOCABULARY]),
        "model.dropout=0.1",
        f"seed={seed}",
        f"trainer.max_steps={steps}",
        f"trainer.val_check_interval={steps // 4}",
        "callback=[checkpoint]",
        "logger=csv",
        *more,
        f"paths.outputs={folder}",
        f"paths.run={run}",
    )
    return json.loads((run / "results.json").read_text())["test"]["accuracy"]


def train_run(*overrides: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gpt_exp", "train", *overrides], capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(done.stderr)


if __name__ == "__main__":
    main()

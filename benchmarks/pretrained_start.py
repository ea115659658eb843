"""Dialogues: what a start from a model pretrained on other English text is worth.

    python benchmarks/pretrained_start.py --data FOLDER [--pretraining-steps 500] [--pretrained RUN]

FOLDER holds topical_chat/, wikitext2/, movie_reviews/ and dialogsum/. A model is pretrained on the text of
the first three and on the dialogues, without summaries, of DialogSum's training part; then each of
DialogSum's two recipes, summaries and second speakers, is trained from it, beside the baselines of
task_baselines.py.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from texts import chats, encyclopedia, reviews

RECIPES = ("summarization_dialogsum", "dialogue_dialogsum")


def main() -> None:
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--pretraining-steps", type=int, default=500)
    parser.add_argument("--pretrained", type=Path, help="a run to start from, instead of pretraining one")
    parser.add_argument("--output", type=Path, help="where text and run are kept; default: a new folder")
    arguments = parser.parse_args()
    folder = arguments.output or Path(tempfile.mkdtemp(prefix="gpt-exp-pretrained-"))
    folder.mkdir(parents=True, exist_ok=True)
    start = arguments.pretrained or pretrain(arguments.data, folder, arguments.pretraining_steps)
    beside = Path(__file__).with_name("task_baselines.py")
    changes = ["model=run", f"init.run={start.resolve()}", "model.dropout=0.1"]
    command = [sys.executable, str(beside), "--data", str(arguments.data), "--recipes", *RECIPES]
    sys.exit(subprocess.run([*command, "--override", *changes]).returncode)


def pretrain(data: Path, folder: Path, steps: int) -> Path:
    texts = [*chats(data), *encyclopedia(data), *reviews(data), *dialogues(data)]
    print(f"pretraining on {len(texts):,} texts, {sum(map(len, texts)):,} characters", flush=True)
    corpus = folder / "english.jsonl"
    corpus.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    run = folder / "english"
    overrides = [
        "data=json_lines",
        f"data.paths=[{corpus}]",
        "tokenizer=bpe_5000",
        "model=llama_sentiment",
        "model.context_length=384",
        "model.dropout=0.0",
        "sampling=packed",
        "batch_size=16",
        "optimizer=muon",
        "schedule=warmup_stable_decay",
        "split={val_fraction: 0.02, test_fraction: 0.0, by: auto}",
        "callback=[progress,checkpoint]",
        f"trainer.max_steps={steps}",
        f"trainer.val_check_interval={max(1, steps // 5)}",
        "trainer.limit_val_batches=8",
        f"paths.outputs={folder}",
        f"paths.run={run}",
    ]
    subprocess.run([sys.executable, "-m", "gpt_exp", "train", *overrides], check=True)
    return run


def dialogues(data: Path) -> list[str]:
    """DialogSum's training file, with the tenth that its recipes validate with and none that they test."""
    lines = (data / "dialogsum" / "train.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["dialogue"] for line in lines]


if __name__ == "__main__":
    main()

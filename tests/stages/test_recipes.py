"""The staged recipes whose data are not ours, from the first stage to the last, on a few records."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from gpt_exp.stages.index import Index

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]  # A process a stage: mostly imports.
PAIRS = Path(__file__).parents[1] / "assets/pairs.tsv"
SHORTLY = [
    *("trainer.max_steps=2", "trainer.val_check_interval=1", "trainer.limit_val_batches=1"),
    *("trainer.limit_test_batches=1", "trainer.log_every_n_steps=1", "batch_size=4", "logger=none"),
]


SHORT_ANSWERS = [
    *(f"stages.{stage}.module.num_predicted=2" for stage in ("multi", "finetune")),
    *(f"stages.multi.tasks.{task}.task.max_new_tokens=4" for task in ("en_de", "de_en")),
    *("stages.finetune.task.max_new_tokens=4", "stages.evaluate.limit=2"),
]


def multi30k(folder: Path) -> None:
    pairs = [line.split("\t") for line in PAIRS.read_text().splitlines()[1:]]
    for split, some in (("train", pairs), ("val", pairs[:8]), ("test_2016_flickr", pairs[8:12])):
        for language, texts in zip(("en", "de"), zip(*some, strict=True), strict=True):
            (folder / f"{split}.{language}").write_text("\n".join(texts) + "\n")


def sst2(folder: Path) -> None:
    texts = [line.split("\t")[0] for line in PAIRS.read_text().splitlines()[1:]]
    for file, some in (("train.tsv", texts * 2), ("dev.tsv", texts[:8])):
        (folder / file).write_text("".join(f"{text}\t{len(text) % 2}\n" for text in some))


@pytest.mark.parametrize(
    ("experiment", "data", "more", "stages"),
    [
        ("staged_translation", multi30k, SHORT_ANSWERS, 5),
        ("staged_self_training", sst2, ["stages.label_1.confidence=0", "stages.label_2.confidence=0"], 6),
    ],
)
def test_every_stage_is_carried_out(experiment, data, more, stages, tmp_path):
    folder = tmp_path / data.__name__
    folder.mkdir()
    data(folder)
    given = [f"experiment={experiment}", f"data.root={tmp_path}", f"paths.outputs={tmp_path}/outputs"]
    command = [sys.executable, "-m", "gpt_exp", "train", *given, *SHORTLY, *more]
    done = subprocess.run(command, capture_output=True, text=True, timeout=800, check=False)
    assert done.returncode == 0, done.stderr
    index = Index(tmp_path / "outputs" / experiment)
    runs = {entry.stage: index.run(entry) for entry in index.entries()}
    assert len(runs) == stages
    assert {run.state() for run in runs.values()} == {"finished"}
    last = json.loads(list(runs.values())[-1].results.read_text())
    assert last.keys() & {"test_2016_flickr", "val"}

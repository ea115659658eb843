"""Fine-tuning on two devices where some weights are frozen, or have no part in the loss."""

import os
import subprocess
import sys

import pytest
import torch

from gpt_exp import job
from gpt_exp.config.compose import compose
from gpt_exp.run.checkpoint_io import load_weights
from gpt_exp.run.folder import RunFolder

REVIEWS = {"positive": ["lovely", "a gorgeous film", "fine"], "negative": ["dull", "a bad film", "boring"]}
TINY = [
    "module=fine_tuning",
    "task=classification",
    "task.labels=[positive,negative]",
    "task.dropout=0",
    "data=tsv",
    "tokenizer=byte",
    "model=llama_nano",
    "model.tied=false",
    "model.context_length=32",
    "batch_size=4",
    "trainer.accelerator=cpu",
    "trainer.precision=32-true",
    "trainer.max_steps=3",
    "split={val_fraction: 0.2, test_fraction: 0, by: auto}",
]


@pytest.mark.slow
@pytest.mark.parametrize("adapter", ["full", "head", "last_layers", "lora"])
def test_two_processes_with_a_head_learn_what_one_does(tmp_path, keep_process_state, adapter):
    """The untied output table has no part in a classification's loss."""
    if adapter == "lora":
        pytest.importorskip("peft")
    rows = [f"{text} {n}\t{label}\n" for label, texts in REVIEWS.items() for text in texts for n in range(4)]
    (tmp_path / "reviews.tsv").write_text("text\tlabel\n" + "".join(rows))

    def run(name, *more):
        given = [*TINY, f"data.train={tmp_path / 'reviews.tsv'}", f"paths.outputs={tmp_path}", *more]
        given += [f"adapter={adapter}", f"paths.run={tmp_path / name}"]
        return RunFolder.create(tmp_path / name, compose("train", given), given)

    alone, together = run("alone"), run("together", "trainer=ddp", "trainer.devices=2")
    assert job.run(alone) == 0
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "gpt_exp.job", str(together.path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, env=environment)
    assert done.returncode == 0, done.stderr
    one, other = (load_weights(f.checkpoint(3)) for f in (alone, together))
    assert all(torch.allclose(one[name], other[name], atol=1e-4) for name in one)

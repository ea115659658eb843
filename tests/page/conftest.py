"""Run folders as two trainings leave them, without the training."""

import json

import pytest

from gpt_exp.run import lines
from gpt_exp.run.folder import RunFolder

CONFIG = {
    "seed": 1,
    "name": "demo",
    "batch_size": 4,
    "model": {"_target_": "gpt_exp.model.gpt2.GPT2", "num_layers": 2},
    "optimizer": {"_target_": "gpt_exp.optimizer.adamw.adamw", "lr": 0.001, "betas": [0.9, 0.95]},
    "trainer": {"max_steps": 40, "devices": 1},
}


@pytest.fixture
def new_folder(tmp_path):
    """A finished run with these top-level keys, whose losses end at `end`."""

    def make(name: str, *, end: float = 2.0, tokens: int = 64, **changes) -> RunFolder:
        path = tmp_path / "outputs" / name
        paths = {"run": str(path), "cache": str(tmp_path / "cache")}
        folder = RunFolder.create(path, CONFIG | {"paths": paths} | changes, [])
        for step in range(1, 41):
            loss = end + 1 / step
            lines.append(
                folder.metrics, {"step": step, "train/loss": loss, "lr": 0.001, "tokens": step * tokens}
            )
            lines.append(
                folder.speed,
                {"step": step, "speed/tokens_per_second": 100.0, "speed/elapsed_seconds": step / 2},
            )
            if step % 10 == 0:
                lines.append(folder.metrics, {"step": step, "val/loss": loss + 0.1})
                lines.append(folder.samples, {"step": step, "prompt": "The ", "text": f"{name} at {step}"})
        evaluated = {"loss": end + 0.1, "bits_per_byte": end / 2, "gzip": 3.0}
        results = {"step": 40, "num_parameters": 1000, "num_tokens_seen": 40 * tokens, "seconds": 20.0}
        folder.results.write_text(json.dumps(results | {"val": evaluated}))
        folder.set_status("finished", step=40)
        return folder

    return make

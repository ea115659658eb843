"""Run folders of several tasks as training leaves them, without the training."""

import json

import pytest
from omegaconf import OmegaConf

from gpt_exp.run import lines
from gpt_exp.run.folder import RunFolder
from gpt_exp.sweep.folder import Job, SweepFolder

TASKS = {"translation": ("bleu", True), "chat": ("perplexity", False)}
FIXED = {"_target_": "gpt_exp.balance.fixed.Fixed"}


def summary(names, values):
    return {
        f"{name}.{split}": {
            "figures": {"other": 1.0, TASKS[name][0]: values[name]},
            "intervals": {},
            "main": TASKS[name][0],
            "higher_is_better": TASKS[name][1],
            "num_predictions": 4,
        }
        for name in names
        for split in ("val", "test")
    }


@pytest.fixture
def new_run(tmp_path):
    """A finished run whose tasks reach `values` on test; `config` are more keys of it, by their dots."""

    def make(path, values, *, only=None, seed=1, state="finished", cosines=(), **config):
        folder = RunFolder(tmp_path / path)
        (folder.path / "predictions").mkdir(parents=True)
        settings = OmegaConf.create(
            {
                "name": path,
                "seed": seed,
                "only": only,
                "tasks": {name: {"task": {"max_new_tokens": 4}} for name in TASKS},
                "balance": FIXED,
                "optimizer": {"lr": 0.1},
                "trainer": {"max_steps": 20},
                "paths": {"run": str(folder.path)},
            }
        )
        for key, value in config.items():
            OmegaConf.update(settings, key.replace("__", "."), value, merge=False)
        folder.config_file.write_text(OmegaConf.to_yaml(settings))
        names = [only] if only else list(TASKS)
        told = {name: {TASKS[name][0]: values[name], "other": 1.0} for name in names}
        val = {name: dict.fromkeys(own, -1.0) for name, own in told.items()}
        folder.results.write_text(json.dumps({"step": 20, "val": val, "test": {**told, "score": 0.5}}))
        (folder.path / "predictions" / "summary.json").write_text(json.dumps(summary(names, values)))
        for step in (10, 20):
            seen = {f"train/{name}/examples": step * (4.0 if only else 3.0) for name in names}
            losses = {f"val/{name}/loss": values[name] + 1 / step for name in names}
            lines.append(folder.metrics, {"step": step, **seen, **losses})
        for step, cosine in cosines:
            lines.append(folder.metrics, {"step": step, "train/cosine/translation/chat": cosine})
        folder.set_status(state, step=20)
        return folder

    return make


@pytest.fixture
def new_sweep(tmp_path, new_run):
    """Two seeds of all together and of each task alone: translation loses from 20 to 15 BLEU, chat wins."""

    def make(name="sweep", **config):
        sweep, made = SweepFolder(tmp_path / name), []
        for seed in (1, 2):
            cosines = [(10, 0.1 * seed), (20, -0.5 * seed)]
            made.append(({"translation": 13.0 + seed * 4 / 3, "chat": 4.0}, None, seed, cosines))
            made.append(({"translation": 17.0 + 2 * seed}, "translation", seed, ()))
            made.append(({"chat": 6.0}, "chat", seed, ()))
        for number, (values, only, seed, cosines) in enumerate(made):
            new_run(f"{name}/{number:04}", values, only=only, seed=seed, cosines=cosines, **config)
        sweep.save_asked({"objectives": [["val/score", "maximize"]]})
        sweep.save_jobs([Job(n, str(n), [], f"{n:04}", "finished") for n in range(len(made))])
        return sweep

    return make

"""What a config may call, and that nothing else is imported or run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gpt_exp.config import targets

ROOT = Path(__file__).parents[2]

REFUSED = [
    "os.system",
    "builtins.eval",
    "subprocess.Popen",
    "torch.load",
    "torch.hub.load",
    "lightning.pytorch.utilities.rank_zero.os.system",
    "gpt_exp.data.text.os.system",
    "gpt_exp.tokenizer.tiktoken.base64.b64decode",
    "gpt_exp.cli.main",
    "gpt_exp.model",
    "torch.optim",
    "torch.optim.",
    "torch.optim..SGD",
    "torch.optimal.SGD",
    "__import__('os').system",
    " torch.optim.SGD",
    "torch.nn.modules.module.warnings.warn",
    "torch.optim.optimizer.functools.partial",
    None,
    3,
    ["torch.optim.SGD"],
]


@pytest.mark.parametrize("target", REFUSED)
def test_refuses(target: object) -> None:
    assert targets.objection(target)[0]


@pytest.mark.parametrize(
    "target",
    [
        "torch.optim.SGD",
        "torch.nn.GELU",
        "lightning.pytorch.Trainer",
        "gpt_exp.model.gpt2.GPT2",
        "torchmetrics.MeanMetric",
    ],
)
def test_allows(target: str) -> None:
    assert targets.objection(target) == ("", "")


def test_the_user_can_add_a_package(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not targets.is_allowed("my_package.thing")
    monkeypatch.setenv("GPT_EXP_ALLOW", "other, my_package")
    assert targets.is_allowed("my_package.thing")
    assert not targets.is_allowed("my_package_too.thing")


def test_finds_targets_at_any_depth() -> None:
    hidden = {
        "a": [{"b": {"_target_": "os.system"}}],
        "_args_": [{"_target_": "os.abort", "_partial_": True}],
    }
    assert [problem.key for problem in targets.problems(hidden)] == ["a.0.b._target_", "_args_.0._target_"]


def test_hydras_own_node() -> None:
    factory = {"job_logging": {"handlers": {"x": {"()": "os.system"}}}, "launcher": {"_target_": "os.system"}}
    assert len(targets.hydra_problems(factory)) == 2
    external = {
        "job_logging": {"handlers": {"x": {"class": "logging.StreamHandler", "stream": "ext://os.system"}}}
    }
    assert len(targets.hydra_problems(external)) == 1


HOSTILE = [
    "trainer._target_=os.system",
    "+trainer.plugins={_target_: subprocess.Popen, args: [touch, PWNED]}",
    "+trainer.plugins=[{_target_: builtins.eval, _args_: [1]}]",
    "+data={_target_: os.system, command: 'touch PWNED'}",
    "data={_target_: os.system, command: 'touch PWNED'}",
    "++model._args_=[{_target_: os.system, command: 'touch PWNED'}]",
    "optimizer._target_=${oc.decode:'os.system'}",
    "name=os.system model._target_=${name}",
    "+callback.x={_target_: os.system, _partial_: true}",
    "'+trainer.plugins=${oc.create:{_target_:os.system}}'",
    "hydra.job_logging.handlers.x.()=os.system",
    "+hydra.job_logging.handlers={x: {(): os.system}}",
    "hydra.launcher._target_=os.system",
    "hydra.searchpath=[pkg://antigravity]",
    "+hydra.callbacks={x: {_target_: os.system}}",
    "data._target_=gpt_exp.data.text.Path.home",
    "schedule._target_=gpt_exp.schedule.cosine.math.exp",
    "sampling={_target_: torch.load, f: x}",
    "logger=[none] +logger.x={_target_: lightning.pytorch.loggers.wandb.os.system}",
    "split={_target_: os.system, command: 'touch PWNED'}",
]
WATCHER = """
import shlex, sys
from gpt_exp.cli import main
RUNS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork")
seen = []
def watch(event, args):
    if event in RUNS or event == "import" and args[0] in ("antigravity", "torch", "wandb"):
        seen.append((event, args))
sys.addaudithook(watch)
for line in sys.stdin:
    for verb in ("check", "train"):
        code = main([verb, *shlex.split(line)])
        assert code == 2, (code, line)
        assert not seen, (seen, line)
"""


def test_hostile_configs_run_nothing(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-c", WATCHER],
        input="\n".join(HOSTILE),
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])},
    )
    assert result.returncode == 0, result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "PWNED").exists()
    assert not list(tmp_path.iterdir())

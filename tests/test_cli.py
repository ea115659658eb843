"""The command line: what it lists, what it refuses, what it hands to a verb."""

import os
import random
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gpt_exp import cli
from gpt_exp.config import cost, verbs
from gpt_exp.config.help import EXAMPLES
from gpt_exp.config.location import conf_folder, root_config
from gpt_exp.sweep import carry_out

ROOT = Path(__file__).parents[1]
SCRIPT = "import sys; from gpt_exp.cli import main; sys.exit(main())"
AFTER = "import sys; from gpt_exp.cli import main; main(sys.argv[1:]); print(*sys.modules, file=sys.stderr)"
HEAVY = {"torch", "lightning", "torchmetrics", "wandb", "transformers", "datasets"}


def python(code: str, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path}
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment)


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    assert cli.main(list(arguments)) == 2
    printed = capsys.readouterr()
    assert not printed.out
    return printed.err.splitlines()


def test_alone_it_lists_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if line.startswith("  ")] == list(cli.VERBS)


@pytest.mark.parametrize(
    "command",
    [
        [],
        ["--help"],
        ["train", "--help"],
        ["train", "--cfg", "job"],
        ["check"],
        ["train", "model.num_layer=3"],
    ],
    ids=" ".join,
)
def test_no_torch_is_imported(command: list[str]) -> None:
    modules = set(python(AFTER, *command).stderr.splitlines()[-1].split())
    assert "gpt_exp.cli" in modules
    assert not modules & HEAVY
    if command in ([], ["--help"]):
        assert not modules & {"hydra", "omegaconf", "numpy", "yaml"}


def test_an_unknown_verb(capsys: pytest.CaptureFixture[str]) -> None:
    (line,) = told(capsys, "trian")
    assert line.startswith("error: trian: no such verb")
    assert line.endswith("Did you mean train?")


@pytest.mark.parametrize(
    "verb", [verb for verb in cli.VERBS if (conf_folder() / f"{root_config(verb)}.yaml").exists()]
)
def test_help_of_a_verb(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([verb, "--help"]) == 0
    printed = capsys.readouterr().out
    assert all(f"gpt-exp {verb} {example}" in printed for example in EXAMPLES[verb])
    assert all(key in printed for key in (["model", "gpt_nano", "seed"] if verb == "train" else ["--cfg"]))


@pytest.mark.parametrize(
    ("verb", "example"),
    [
        (verb, example)
        for verb in EXAMPLES
        for example in EXAMPLES[verb]
        if (conf_folder() / f"{root_config(verb)}.yaml").exists()
    ],
)
def test_examples_are_right(verb: str, example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["gpt-exp"])
    (tmp_path / "books").mkdir()
    (tmp_path / "books" / "one.txt").write_text("A book.")
    monkeypatch.setattr(cli, "module", lambda verb: lambda config, overrides: None)
    monkeypatch.setattr(
        verbs, "problems", lambda verb, config: []
    )  # The runs and files of examples are not here.
    monkeypatch.setattr(carry_out, "carry_out", lambda *args, **kwargs: None)
    assert cli.main([verb, *shlex.split(example)]) == 0


def test_a_verb_gets_its_config_and_overrides(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    jobs = launched(["train", f"paths.outputs={tmp_path}", "seed=3", "trainer.benchmark=true"], monkeypatch)
    ((config, overrides),) = jobs
    assert config.seed == 3
    assert config.trainer.benchmark is True
    assert overrides == [f"paths.outputs={tmp_path}", "seed=3", "trainer.benchmark=true"]
    assert config.paths.run.startswith(str(tmp_path))


def test_a_sweep_is_handed_over_as_it_was_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given = [f"paths.outputs={tmp_path}", "seed=1,2", "optimizer=adamw,muon", "trainer.benchmark=true"]
    handed: list[Any] = []
    monkeypatch.setattr(carry_out, "carry_out", lambda *arguments, **known: handed.append(arguments))
    assert launched(["train", "-m", *given], monkeypatch) == []
    assert handed == [(given, None, "train")]


def test_a_sweep_with_one_bad_job_starts_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sweep = ["train", "-m", f"paths.outputs={tmp_path}", "batch_size=8,9", "trainer=ddp"]
    assert launched(sweep, monkeypatch, code=2) == []
    assert not list(tmp_path.iterdir())


def launched(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, code: int = 0
) -> list[tuple[Any, list[str]]]:
    jobs: list[tuple[Any, list[str]]] = []
    monkeypatch.setattr(
        cli, "module", lambda verb: lambda config, overrides: jobs.append((config, overrides))
    )
    monkeypatch.setattr(sys, "argv", ["gpt-exp"])
    assert cli.main(arguments) == code
    return jobs


@pytest.mark.parametrize("error", [ValueError("wrong"), OSError(28, "No space left on device")])
def test_a_users_error_is_one_line(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr(cli, "module", lambda verb: fail)
    assert told(capsys, "report", "run=somewhere") == [f"error: {error}"]
    monkeypatch.setenv("GPT_EXP_TRACEBACK", "1")
    with pytest.raises(type(error)):
        cli.main(["report", "run=somewhere"])


def test_control_c(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "module", lambda verb: interrupt)
    assert cli.main(["report", "run=somewhere"]) == 130
    assert not capsys.readouterr().err


@pytest.mark.parametrize(
    "flags", [["--foo"], ["--cfg", "jo"], ["-m"], ["--config-path", "x"], ["--config-dir", "nope"]]
)
def test_wrong_flags(flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    (line,) = told(capsys, "evaluate", "run=x", *flags)
    assert line.startswith("error: ")


def test_cfg_prints_the_config_and_makes_no_folder(tmp_path: Path) -> None:
    result = python(
        SCRIPT, "train", "model=gpt_nano", "data=text", "--cfg", "job", "-p", "model", cwd=tmp_path
    )
    assert result.returncode == 0, result.stderr
    assert "_target_: gpt_exp.model.gpt2.GPT2" in result.stdout
    assert not list(tmp_path.iterdir())


BASH = """
eval "$(gpt-exp completion bash)"
COMP_LINE="$1"; COMP_POINT=${#COMP_LINE}; _gpt_exp; printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("gpt-exp ev", "evaluate "),
        ("gpt-exp train optim", "optimizer="),
        ("gpt-exp train optimizer=ad", "adamw"),  # Bash itself keeps what stands before the `=`.
        ("gpt-exp check model=gpt_nano trainer.max_st", "trainer.max_steps="),
        ("gpt-exp evaluate batch", "batch_size="),
    ],
)
def test_completion_in_bash(line: str, expected: str, tmp_path: Path) -> None:
    program = tmp_path / "gpt-exp"
    program.write_text(f"#!{sys.executable}\n{SCRIPT}\n")
    program.chmod(0o755)
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": path}
    command = ["bash", "-c", BASH, "bash", line]
    result = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert expected in result.stdout.split("\n"), result.stderr


LETTERS = "abz_.=,[]{}()'\"\\$+~:@/-0 9é\n\t"


def fuzzed(seed: int) -> str:
    """An override with some letters changed, or nonsense."""
    rng = random.Random(seed)
    keys = [
        "model.num_layers=4",
        "optimizer=adamw",
        "trainer.max_steps=10",
        "data.paths=[a,b]",
        "seed=3",
        "+x.y=1",
    ]
    letters = list(rng.choice([*keys, ""]))
    for _ in range(rng.randint(1, 6)):
        letters.insert(rng.randint(0, len(letters)), rng.choice(LETTERS))
    return "".join(letters)


@pytest.mark.parametrize("number", [200, pytest.param(1000, marks=pytest.mark.slow)])
def test_fuzzed_overrides(
    number: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is written: no traceback; what is wrong is told in lines and ends with 2."""
    monkeypatch.setattr(cost, "measured_cpu_flops", lambda: 1e11)  # Takes 50 ms.
    for seed in range(number):
        override = fuzzed(seed)
        if override.startswith("-"):
            continue
        code = cli.main(["check", override])
        printed = capsys.readouterr()
        lines = printed.err.splitlines()
        assert code == (2 if lines else 0), (override, printed)
        assert all(line.startswith("error: ") for line in lines), (override, printed.err)
        assert len(lines) <= 3, (override, printed.err)


def test_evaluate_takes_a_split_by_its_usual_name():
    assert cli.worded("evaluate", ["run=a", "data.split=test"]) == ["run=a", "splits=[test]"]

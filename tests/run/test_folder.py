"""A run folder is whole or not a run folder, and finds its newest whole checkpoint whatever happened."""

import json
import subprocess
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from gpt_exp.errors import UserError
from gpt_exp.run import durable
from gpt_exp.run.folder import RunFolder, read_json, step_of

CONFIG = {"name": "demo", "model": {"num_layers": 2}, "paths": {"run": "outputs/${name}/1"}}


def save(folder: RunFolder, step: int) -> None:
    with durable.write_folder(folder.checkpoint(step)) as path:
        (path / "model.safetensors").write_bytes(b"weights of %d" % step)
        (path / "state.pt").write_bytes(b"state of %d" % step)


def test_a_new_folder_says_how_the_run_was_started(tmp_path):
    folder = RunFolder.create(tmp_path / "demo" / "1", OmegaConf.create(CONFIG), ["model=gpt_nano", "seed=1"])
    assert folder.config().paths.run == "outputs/demo/1"  # Resolved.
    assert OmegaConf.to_container(OmegaConf.load(folder.overrides)) == ["model=gpt_nano", "seed=1"]
    environment = json.loads(folder.environment.read_text())
    assert environment["packages"]["torch"] and environment["python"] and environment["created"]
    assert RunFolder.open(folder.path).path == folder.path


def test_no_value_of_an_environment_variable_is_written(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", "canary-8e1b")
    folder = RunFolder.create(tmp_path / "run", CONFIG, [])
    assert not any(b"canary-8e1b" in path.read_bytes() for path in folder.path.rglob("*") if path.is_file())


def test_another_run_is_never_overwritten(tmp_path):
    RunFolder.create(tmp_path / "run", CONFIG, [])
    with pytest.raises(UserError, match="holds a run already"):
        RunFolder.create(tmp_path / "run", CONFIG, [])


def test_the_state_of_the_code_is_kept_with_its_changes(tmp_path, monkeypatch):
    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True, capture_output=True)

    (tmp_path / "code.py").write_text("x = 1\n")
    git("init")
    git("add", "code.py")
    git("commit", "-m", "first")
    (tmp_path / "code.py").write_text("x = 2\n")
    monkeypatch.chdir(tmp_path)
    folder = RunFolder.create(tmp_path / "run", CONFIG, [])
    state = json.loads(folder.git.read_text())
    assert len(state["commit"]) == 40 and state["dirty"]
    assert "+x = 2" in folder.patch.read_text()


def test_status_is_kept(tmp_path):
    folder = RunFolder(tmp_path)
    assert folder.status() == {}
    folder.set_status("stopped", step=7, reason="SIGTERM")
    status = folder.status()
    assert (status["state"], status["step"], status["reason"]) == ("stopped", 7, "SIGTERM")


def test_checkpoints_are_sorted_by_step(tmp_path):
    folder = RunFolder(tmp_path)
    for step in (100, 9, 123456789):
        save(folder, step)
    (folder.saved / "step-x").mkdir()
    assert [step_of(path) for path in folder.checkpoints()] == [123456789, 100, 9]


@pytest.mark.parametrize("harm", ["flip", "truncate", "empty"])
@pytest.mark.parametrize("name", ["model.safetensors", "state.pt", "manifest.json"])
def test_a_damaged_file_means_the_checkpoint_before_and_one_line(name, harm, tmp_path, caplog):
    folder = RunFolder(tmp_path)
    save(folder, 1)
    save(folder, 2)
    path = folder.checkpoint(2) / name
    data = path.read_bytes()
    flipped = data[:5] + bytes([data[5] ^ 1]) + data[6:]
    path.write_bytes({"flip": flipped, "truncate": data[:-1], "empty": b""}[harm])
    assert folder.newest_whole_checkpoint() == folder.checkpoint(1)
    assert len(caplog.records) == 1 and "step-00000002" in caplog.text


@pytest.mark.parametrize("name", ["model.safetensors", "state.pt", "manifest.json"])
def test_a_missing_file_means_the_checkpoint_before(name, tmp_path, caplog):
    folder = RunFolder(tmp_path)
    save(folder, 1)
    save(folder, 2)
    (folder.checkpoint(2) / name).unlink()
    assert folder.newest_whole_checkpoint() == folder.checkpoint(1)
    assert len(caplog.records) == 1 and name in caplog.text


@pytest.mark.parametrize("name", ["model.safetensors", "state.pt"])
def test_files_of_two_steps_swapped_are_found_out(name, tmp_path):
    folder = RunFolder(tmp_path)
    for step in (1, 2, 3):
        save(folder, step)
    first, second = folder.checkpoint(2) / name, folder.checkpoint(3) / name
    data = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(data)
    assert folder.newest_whole_checkpoint() == folder.checkpoint(1)


def test_names_resolve_to_checkpoints(tmp_path):
    folder = RunFolder(tmp_path)
    save(folder, 100)
    save(folder, 200)
    folder.best.write_text('{"step": 100}')
    assert folder.resolve("last") == folder.resolve("step-200") == folder.checkpoint(200)
    assert folder.resolve("best") == folder.resolve("step-00000100") == folder.checkpoint(100)
    folder.best_file("best_translation").write_text('{"step": 200}')
    folder.best_file("best_gone").write_text('{"step": 300}')
    assert folder.resolve("best_translation") == folder.checkpoint(200)
    with pytest.raises(UserError, match="no checkpoint 'best_translaton'; did you mean best_translation"):
        folder.resolve("best_translaton")
    with pytest.raises(UserError, match="no checkpoint 'best_gone'"):
        folder.resolve("best_gone")
    with pytest.raises(UserError, match="did you mean step-00000200"):
        folder.resolve("step-0000020")
    with pytest.raises(UserError, match="did you mean last"):
        folder.resolve("latest")
    (folder.checkpoint(100) / "state.pt").unlink()
    with pytest.raises(UserError, match="damaged"):
        folder.resolve("best")


def test_an_unknown_folder_is_told_with_the_nearest_run(tmp_path):
    run = RunFolder.create(tmp_path / "demo" / "2026-01-01_10-00-00", CONFIG, [])
    for wrong in (tmp_path / "dmo" / run.path.name, tmp_path / "demo" / "2026-01-01_10-00-01"):
        with pytest.raises(UserError, match=f"did you mean {run.path}"):
            RunFolder.open(wrong)
    with pytest.raises(UserError, match=f"the newest run inside is {run.path}"):
        RunFolder.open(tmp_path / "demo")


def test_only_one_process_trains_in_a_folder(tmp_path):
    with RunFolder(tmp_path).lock(), pytest.raises(UserError, match="in use"), RunFolder(tmp_path).lock():
        pass
    with RunFolder(tmp_path).lock():
        pass


@pytest.mark.parametrize("text", ["{", "[1]", "3", "\xff", "[" * 100_000])
def test_a_damaged_file_is_named_in_a_line(tmp_path, text):
    folder = RunFolder(tmp_path)
    folder.results.write_text(text, encoding="latin-1")
    with pytest.raises(UserError, match=f"{folder.results} is damaged"):
        read_json(folder.results)


@pytest.mark.parametrize("text", ["a: [\n", "- 1\n", "\xff", "3"])
def test_a_config_that_is_none_is_named_in_a_line(tmp_path, text):
    folder = RunFolder(tmp_path)
    folder.config_file.write_text(text, encoding="latin-1")
    with pytest.raises(UserError, match=f"{folder.config_file} .*") as told:
        folder.config()
    assert "\n" not in str(told.value)


def test_a_plain_config_holds_nothing_of_this_machine(tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET", "hidden")
    folder = RunFolder(tmp_path)
    folder.config_file.write_text("a: ${oc.env:SECRET}\nb: ${missing}\npaths: {cache: x}\n")
    assert folder.plain_config()["a"] == "${oc.env:SECRET}"
    assert folder.cache() == Path("x")


def test_a_link_to_elsewhere_is_no_file_of_the_run(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "linked").symlink_to(tmp_path / "run")
    (tmp_path / "secret").write_text("secret")
    folder = RunFolder(tmp_path / "linked")
    folder.log.symlink_to(tmp_path / "secret")
    folder.console.write_text("own")
    assert not folder.has(folder.log)
    assert folder.has(folder.console)

"""W&B, really run offline: one run a folder, whatever happens to the process."""

import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from wandb.proto import wandb_internal_pb2

from gpt_exp.logger.wandb import RunWandbLogger, resolved_mode
from gpt_exp.run.folder import RunFolder

BLOCK, FULL, LAST = 32768, 1, 4
CANARY = "canary5f3c"
SCRIPT = """
import sys
from gpt_exp.logger.wandb import RunWandbLogger
for status in ("failed", "success"):
    logger = RunWandbLogger(path=sys.argv[1], group="sweep", tags=["a", "b"], job_type="train")
    logger.log_hyperparams({})
    for step in (1, 2, 3):
        logger.log_metrics({"train/loss": 1.0 / step}, step=step)
    logger.finalize(status)
"""


@pytest.fixture
def no_key(monkeypatch, tmp_path):
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NETRC", str(tmp_path / "home" / ".netrc"))
    (tmp_path / "home").mkdir()


def log_twice(path: Path) -> list[str]:
    """The lines that a process prints which logs a run that fails, and goes on with it."""
    environment = os.environ | {"CANARY_KEY": CANARY}
    command = [sys.executable, "-c", SCRIPT, str(path)]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return done.stdout.splitlines()


def records(path: Path) -> list:
    """W&B's own file: LevelDB's log format, whose pieces have a header of checksum, length and kind."""
    data, at, pieces, found = path.read_bytes(), 7, b"", []
    while at + 7 <= len(data):
        if BLOCK - at % BLOCK < 7:  # A block's rest that is too short for a header is padding.
            at += BLOCK - at % BLOCK
            continue
        _, length, kind = struct.unpack_from("<IHB", data, at)
        pieces += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (FULL, LAST):
            found.append(wandb_internal_pb2.Record.FromString(pieces))
            pieces = b""
    return found


def test_two_starts_of_a_run_are_one_run(tmp_path, no_key):
    folder = RunFolder.create(tmp_path / "demo" / "1", {"model": {"num_layers": 2}}, [])
    printed = log_twice(folder.path)
    files = sorted(folder.path.glob("wandb/offline-run-*/run-*.wandb"))
    assert len(files) == 2
    run_id = (folder.path / "wandb_run_id").read_text()
    for path, line, exit_code in zip(files, printed, (1, 0), strict=True):
        found = records(path)
        run = next(record.run for record in found if record.HasField("run"))
        assert (run.run_id, run.display_name, run.run_group) == (run_id, "demo/1", "sweep")
        assert list(run.tags) == ["a", "b"]
        exits = [record.exit.exit_code for record in found if record.HasField("exit")]
        assert exits == [exit_code]  # One finish a run.
        assert logged(found, "train/loss") == [1.0, 0.5, 1 / 3]
        assert config(found)["model"] == {"num_layers": 2}
        assert line.endswith(f"wandb sync {path.parent}")
        assert not any(
            CANARY.encode() in path.read_bytes() for path in folder.path.rglob("*") if path.is_file()
        )


def logged(found: list, key: str) -> list[float]:
    items = [item for record in found if record.HasField("history") for item in record.history.item]
    return [json.loads(item.value_json) for item in items if key in (item.key, *item.nested_key)]


def config(found: list) -> dict:
    updates = [
        update
        for record in found
        if record.HasField("config") or record.HasField("run")
        for update in (record.config if record.HasField("config") else record.run.config).update
    ]
    return {update.key or update.nested_key[0]: json.loads(update.value_json) for update in updates}


def test_auto_is_online_only_with_a_key(no_key, monkeypatch, tmp_path):
    assert resolved_mode("auto") == "offline"
    netrc = tmp_path / "home" / ".netrc"
    netrc.write_text("machine api.wandb.ai login user password x\n")
    netrc.chmod(0o600)
    assert resolved_mode("auto") == "online"
    netrc.unlink()
    monkeypatch.setenv("WANDB_API_KEY", "x")
    assert resolved_mode("auto") == "online"
    monkeypatch.setenv("WANDB_MODE", "disabled")
    assert resolved_mode("auto") == "disabled"
    assert resolved_mode("offline") == "offline"


def test_a_wrong_mode_is_refused(tmp_path):
    with pytest.raises(ValueError, match="not 'onlin'"):
        RunWandbLogger(path=tmp_path, mode="onlin")

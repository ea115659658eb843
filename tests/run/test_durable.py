"""Whole or absent, at every crash point, under power loss, damage and a full disk."""

import errno
import os
import random
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from gpt_exp.run import durable

OLD = {"weights.bin": b"old" * 1000, "deep/state.txt": b"old state"}
NEW = {"weights.bin": b"new!" * 900, "deep/state.txt": b"new state", "more.txt": b""}
# Names of audit events.
MUTATIONS = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.truncate"}


def write(target: Path, files: dict[str, bytes]) -> None:
    with durable.write_folder(target) as folder:
        for name, data in files.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(data)


def read(target: Path) -> dict[str, bytes]:
    assert durable.damage(target) is None
    files = {str(path.relative_to(target)): path.read_bytes() for path in target.rglob("*") if path.is_file()}
    del files[durable.MANIFEST]
    return files


def in_child(action) -> int:
    """Run in a forked process; its exit code."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Forking beside a library's idle threads.
        pid = os.fork()
    if pid == 0:
        code = 70
        try:
            action()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def on_operation(k: int, react) -> None:
    """Call `react` before the k-th operation that changes the disk (in this process, for ever)."""
    count = 0

    def operation() -> None:
        nonlocal count
        count += 1
        if count == k:
            react()

    def hook(event: str, arguments: tuple) -> None:
        if event in MUTATIONS and (event != "open" or arguments[2] & (os.O_WRONLY | os.O_RDWR)):
            operation()

    fsync, exchange = os.fsync, durable._exchange
    os.fsync = lambda descriptor: (operation(), fsync(descriptor))[1]
    durable._exchange = lambda *names: (operation(), exchange(*names))[1]
    sys.addaudithook(hook)


def die() -> None:
    os._exit(9)


def disk_full() -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def without_exchange(monkeypatch) -> None:
    monkeypatch.setattr(durable, "_exchange", lambda first, second: False)


@pytest.mark.parametrize("exchange", [True, False])
@pytest.mark.parametrize("react, code", [(die, 9), (disk_full, 70)])
def test_every_crash_point_leaves_old_or_new(tmp_path, monkeypatch, react, code, exchange):
    if not exchange:
        without_exchange(monkeypatch)
    seen = set()
    for k in range(1, 200):
        target = tmp_path / str(k) / "target"
        write(target, OLD)
        exit_code = in_child(lambda k=k, target=target: (on_operation(k, react), write(target, NEW)))
        durable.recover(target.parent)
        files = read(target)
        assert files in (OLD, NEW)
        seen.add(files == NEW)
        assert names_in(target.parent) == {"target"}  # What the dead writer left is gone.
        if exit_code == 0 and files == NEW and k > 20:
            break
        assert exit_code in (code, 0)
    assert seen == {True, False} and k > 20


@pytest.mark.parametrize("react", [die, disk_full])
def test_a_first_write_that_fails_leaves_nothing(tmp_path, react):
    for k in range(1, 14):
        parent = tmp_path / str(k)
        in_child(lambda k=k, parent=parent: (on_operation(k, react), write(parent / "target", NEW)))
        assert durable.damage(parent / "target") is None or not (parent / "target").exists()


@pytest.mark.parametrize("react", [die, disk_full])
def test_write_file_leaves_old_or_new_at_every_crash_point(tmp_path, react):
    path, seen = tmp_path / "status.json", set()
    for k in range(1, 9):
        durable.write_file(path, "old")
        in_child(lambda k=k: (on_operation(k, react), durable.write_file(path, b"new")))
        seen.add(path.read_text())
        durable.write_file(path, "next")
        assert names_in(tmp_path) == {"status.json"}
    assert seen == {"old", "new"}


class Disk:
    """What a power loss leaves: contents and names as of the last fsync of the file or folder."""

    def __init__(self, root: Path, monkeypatch):
        self.root, self.contents, self.names = root, {}, {}
        for path in [root, *root.rglob("*")]:
            self.record(path)
        fsync = os.fsync
        monkeypatch.setattr(os, "fsync", lambda descriptor: (fsync(descriptor), self.sync(descriptor))[0])

    def sync(self, descriptor: int) -> None:
        self.record(Path(f"/proc/self/fd/{descriptor}").readlink())

    def record(self, path: Path) -> None:
        inode = path.stat().st_ino
        if path.is_dir():
            self.names[inode] = {child.name: child.stat().st_ino for child in path.iterdir()}
        else:
            self.contents[inode] = path.read_bytes()

    def after_power_loss(self, to: Path, *, early_names: bool) -> None:
        """Rebuild under `to`; a file system may also have kept the newest names of the root early."""
        root = self.root.stat().st_ino
        if early_names:
            self.names = {**self.names, root: {c.name: c.stat().st_ino for c in self.root.iterdir()}}
        self._rebuild(root, to)

    def _rebuild(self, inode: int, to: Path) -> None:
        to.mkdir()
        for name, child in self.names[inode].items():
            if child in self.contents:
                (to / name).write_bytes(self.contents[child])
            elif child in self.names:
                self._rebuild(child, to / name)
            else:
                (to / name).write_bytes(b"")  # The name was kept, the content never reached the disk.


def lose_power(base: Path, k: int, monkeypatch, *, early_names: bool) -> Path:
    """Overwrite OLD by NEW, stop at operation k; the folder as it stands after the power loss."""
    live, lost = base / "live", base / "lost"
    write(live / "target", OLD)
    disk = Disk(live, monkeypatch)

    def stop() -> None:
        if not lost.exists():  # Rebuilding writes too, and is no operation of the writer's.
            disk.after_power_loss(lost, early_names=early_names)
            os._exit(9)

    def run() -> None:
        on_operation(k, stop)
        write(live / "target", NEW)
        stop()

    assert in_child(run) == 9
    return lost / "target"


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="reads names of descriptors from /proc")
@pytest.mark.parametrize("early_names", [True, False])
def test_power_loss_keeps_old_or_new(tmp_path, monkeypatch, early_names):
    seen = []
    for k in range(1, 30):
        (tmp_path / str(k)).mkdir()
        with monkeypatch.context() as patch:
            target = lose_power(tmp_path / str(k), k, patch, early_names=early_names)
        seen.append(read(target) == NEW)
        assert read(target) in (OLD, NEW)
    assert seen[0] is False and seen[-1] is True  # Returned means durable.


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="reads names of descriptors from /proc")
def test_the_power_loss_test_notices_a_missing_fsync(tmp_path, monkeypatch):
    monkeypatch.setattr(durable, "_sync_tree", lambda folder: None)
    damaged = 0
    for k in range(1, 20):
        (tmp_path / str(k)).mkdir()
        with monkeypatch.context() as patch:
            target = lose_power(tmp_path / str(k), k, patch, early_names=True)
        damaged += durable.damage(target) is not None
    assert damaged > 0


def test_bit_flips_and_truncations_are_detected(tmp_path):
    target = tmp_path / "target"
    write(target, NEW)
    rng = random.Random(0)
    for name in ["weights.bin", "deep/state.txt", durable.MANIFEST]:
        whole = (target / name).read_bytes()
        for _ in range(70):
            flipped = bytearray(whole)
            flipped[rng.randrange(len(whole))] ^= 1 << rng.randrange(8)
            (target / name).write_bytes(flipped)
            assert durable.damage(target) is not None
        for length in {0, 1, *(rng.randrange(len(whole)) for _ in range(20))}:
            (target / name).write_bytes(whole[:length])
            assert name in durable.damage(target)
        (target / name).unlink()
        assert durable.damage(target) == f"{target / name} is missing"
        (target / name).write_bytes(whole)
    assert durable.damage(target) is None


def test_swapped_files_are_detected(tmp_path):
    for name in [*OLD, durable.MANIFEST]:
        first, second = tmp_path / "first", tmp_path / "second"
        write(first, OLD)
        write(second, NEW)
        shutil.move(first / name, tmp_path / "moved")
        shutil.move(second / name, first / name)
        shutil.move(tmp_path / "moved", second / name)
        assert durable.damage(first) is not None and durable.damage(second) is not None


@pytest.mark.parametrize(
    "hostile", ["[]", "3", '{"../x": {"size": 0}}', '{"a": 1}', "\0", '{"/dev/zero": {}}']
)
def test_a_hostile_manifest_is_damage(tmp_path, hostile):
    (tmp_path / durable.MANIFEST).write_text(hostile)
    assert durable.damage(tmp_path) is not None


def test_an_error_inside_keeps_the_old_folder(tmp_path):
    write(tmp_path / "target", OLD)
    with pytest.raises(KeyboardInterrupt), durable.write_folder(tmp_path / "target") as folder:
        (folder / "weights.bin").write_bytes(b"half")
        raise KeyboardInterrupt
    assert read(tmp_path / "target") == OLD
    assert names_in(tmp_path) == {"target"}


def test_a_real_full_disk_is_an_error_and_changes_nothing(tmp_path):
    write(tmp_path / "target", OLD)
    with pytest.raises(OSError, match="No space left"), durable.write_folder(tmp_path / "target") as folder:
        (folder / "full").symlink_to("/dev/full")
        (folder / "full").write_bytes(b"x" * 100)
    assert read(tmp_path / "target") == OLD


def test_living_writers_are_left_alone_and_dead_ones_cleared(tmp_path):
    sleeper = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    names = {pid: f".tmp-{pid}@{durable._host()}@0@x" for pid in (sleeper.pid, os.getpid(), 2**22 + 1)}
    elsewhere, foreign = f".tmp-{os.getpid()}@elsewhere@0@x", ".tmp-of-another-program"
    for name in [*names.values(), elsewhere, foreign]:
        (tmp_path / name).mkdir()
    with durable.write_folder(tmp_path / "outer"):  # This process's own living temporary folder.
        write(tmp_path / "target", NEW)
    assert names_in(tmp_path) == {"outer", "target", elsewhere, foreign, names[sleeper.pid]}
    sleeper.communicate(b"\n")
    durable.recover(tmp_path)
    assert not (tmp_path / names[sleeper.pid]).exists()


def test_two_writers_at_once_both_end_well(tmp_path):
    code = """if True:
        import sys
        from pathlib import Path
        from gpt_exp.run import durable
        for _ in range(30):
            with durable.write_folder(Path(sys.argv[1])) as folder:
                for name in "abc":
                    (folder / name).write_text(sys.argv[2])
            durable.write_file(Path(sys.argv[1] + ".txt"), sys.argv[2])
    """
    target = tmp_path / "target"
    writers = [subprocess.Popen([sys.executable, "-c", code, str(target), word]) for word in ("one", "two")]
    assert [writer.wait() for writer in writers] == [0, 0]
    files = read(target)
    assert len(set(files.values())) == 1 and len(files) == 3
    assert names_in(tmp_path) == {"target", "target.txt"}

"""Files and folders that are whole or absent: after a crash, a power loss, a full disk.

Everything is written under a temporary name beside its target, synced, and renamed. A folder's
`manifest.json` is written last and lists the size and sha256 of every file.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import hashlib
import json
import os
import shutil
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

MANIFEST = "manifest.json"
TEMPORARY = ".tmp-"  # Never under TMPDIR: a rename is atomic within one filesystem only.
REPLACED = ".old-"
FOREIGN_LEFTOVER_SECONDS = 7 * 24 * 3600  # Another host's processes can't be asked whether they live.

_in_use: set[Path] = set()  # This process's own temporaries: its pid may be a dead one's, reused.


@contextmanager
def write_folder(target: Path) -> Iterator[Path]:
    """Yield a temporary folder that becomes `target` on leaving without an error, replacing an older one."""
    _make_folder(target.parent)
    recover(target.parent)
    with _temporary(target) as temporary:
        temporary.mkdir()
        yield temporary
        _sync_tree(temporary)
        names = [path.relative_to(temporary).as_posix() for path in _files(temporary)]
        _write_synced(temporary / MANIFEST, _manifest(temporary, names))
        _sync(temporary)
        _move_folder(temporary, target)
        _sync(target.parent)


def write_file(path: Path, data: bytes | str) -> None:
    """Replace a file's content, or leave the old one whole."""
    _make_folder(path.parent)
    recover(path.parent)
    with _temporary(path) as temporary:
        _write_synced(temporary, data.encode() if isinstance(data, str) else data)
        temporary.replace(path)
        _sync(path.parent)


def damage(folder: Path, *, contents: bool = True) -> str | None:
    """What is wrong with a folder written by `write_folder`; None where nothing is.

    Without contents only names and sizes are compared: for folders too large to read at each start.
    """
    try:
        written = (folder / MANIFEST).read_bytes()
        listed = json.loads(written)
        for name, entry in listed.items():
            path = folder / name
            if not path.is_file():
                return f"{path} is missing"
            if path.stat().st_size != entry["size"]:
                return f"{path} has {path.stat().st_size} bytes instead of {entry['size']}"
            if contents and _sha256(path) != entry["sha256"]:
                return f"{path} does not match its sha256"
        whole = _to_json(listed) == written  # So a flipped bit in the manifest shows too.
    except FileNotFoundError:
        return f"{folder / MANIFEST} is missing"
    except (ValueError, KeyError, TypeError, AttributeError):
        whole = False
    return None if whole else f"{folder / MANIFEST} is damaged"


def recover(parent: Path) -> None:
    """Clear what writers that died left in `parent`, and put back a folder that one had moved away."""
    for path in parent.glob(f"{REPLACED}*"):
        target = parent / path.name.split("@", 3)[-1]
        if _is_left_over(path, REPLACED) and not target.exists():
            with contextlib.suppress(OSError):  # Another process was faster.
                path.rename(target)
        elif _is_left_over(path, REPLACED):
            _remove(path)
    for path in parent.glob(f"{TEMPORARY}*"):
        if _is_left_over(path, TEMPORARY):
            _remove(path)


@contextmanager
def _temporary(target: Path) -> Iterator[Path]:
    """A free name beside `target` that says who writes there; what bears it at the end is removed."""
    path = target.with_name(_owned_name(TEMPORARY, target))
    _in_use.add(path)
    try:
        yield path
    finally:
        _remove(path)
        _in_use.discard(path)


def _owned_name(prefix: str, target: Path) -> str:
    return f"{prefix}{os.getpid()}@{_host()}@{uuid.uuid4().hex[:8]}@{target.name}"


def _host() -> str:
    return socket.gethostname().replace("@", "-").replace("/", "-")


def _is_left_over(path: Path, prefix: str) -> bool:
    try:
        pid, host, *_ = path.name.removeprefix(prefix).split("@", 3)
        if host != _host():
            return time.time() - path.stat().st_mtime > FOREIGN_LEFTOVER_SECONDS
        if int(pid) == os.getpid():
            return path not in _in_use
        os.kill(int(pid), 0)
    except (ProcessLookupError, OverflowError):
        return True
    except (ValueError, OSError):  # Not a name of ours, already gone, or another user's living process.
        return False
    return False


def _move_folder(temporary: Path, target: Path) -> None:
    try:
        temporary.rename(target)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        if not _exchange(temporary, target):
            _swap_in_two_steps(temporary, target)


def _exchange(first: Path, second: Path) -> bool:
    """Swap two names in one step (Linux's renameat2); False where the system can't."""
    renameat2 = getattr(ctypes.CDLL(None), "renameat2", None)
    at_cwd, exchange = -100, 2
    return renameat2 is not None and renameat2(at_cwd, bytes(first), at_cwd, bytes(second), exchange) == 0


def _swap_in_two_steps(temporary: Path, target: Path) -> None:
    """A crash between the steps leaves the old folder under another name: `recover` puts it back."""
    aside = target.with_name(_owned_name(REPLACED, target))
    _in_use.add(aside)
    try:
        target.rename(aside)
        temporary.rename(target)
        _remove(aside)
    finally:
        _in_use.discard(aside)


def _make_folder(folder: Path) -> None:
    if not folder.is_dir():
        _make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        _sync(folder.parent)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _manifest(folder: Path, names: list[str]) -> bytes:
    entries: dict[str, Any] = {
        name: {"size": (folder / name).stat().st_size, "sha256": _sha256(folder / name)} for name in names
    }
    return _to_json(entries)


def _to_json(entries: dict[str, Any]) -> bytes:
    return json.dumps(entries, indent=1).encode()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_synced(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_tree(folder: Path) -> None:
    for path in [*folder.rglob("*"), folder]:
        _sync(path)


def _sync(path: Path) -> None:
    """Files and folders alike: a new name is on the disk only once its folder is synced."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()

"""Where the configuration lies, and which groups and options it offers. Reads file names only."""

from __future__ import annotations

import os
from pathlib import Path

from gpt_exp.errors import UserError

PACKAGE = Path(__file__).parents[1]
READS = {"check": "train", "prepare": "train"}  # Verbs that read another verb's root config.


def conf_folder() -> Path:
    """The checkout's `conf`, before the copy in the package: an editable install leaves a stale copy."""
    for folder in (PACKAGE.parent / "conf", PACKAGE / "conf"):
        if (folder / "train.yaml").is_file():
            return folder
    raise UserError(f"no conf/train.yaml beside {PACKAGE} or in it: install gpt-exp again")


def root_config(verb: str) -> str:
    """The name of a verb's root config."""
    return READS.get(verb, verb)


def folders(config_dir: str | None = None) -> list[Path]:
    """Where options are looked for, best first: the user's own folder, then ours."""
    if config_dir is None:
        return [conf_folder()]
    if not Path(config_dir).is_dir():
        raise UserError(f"--config-dir {config_dir}: no such folder")
    return [Path(config_dir).resolve(), conf_folder()]


def groups(config_dir: str | None = None) -> dict[str, list[str]]:
    """Every config group with its options, e.g. `model` -> [`gpt_micro`, ...]; nested groups as `a/b`."""
    found: dict[str, set[str]] = {}
    for root in folders(config_dir):
        for folder, _, files in os.walk(root):
            options = {name.removesuffix(".yaml") for name in files if name.endswith(".yaml")}
            if options and Path(folder) != root:
                found.setdefault(Path(folder).relative_to(root).as_posix(), set()).update(options)
    return {group: sorted(options) for group, options in sorted(found.items())}


def last_change(config_dir: str | None = None) -> tuple[int, int]:
    """The number of option files, and when one was written last (nanoseconds)."""
    files = [file.stat().st_mtime_ns for folder in folders(config_dir) for file in folder.rglob("*.yaml")]
    return len(files), max(files)


def shown(path: Path) -> str:
    """A path as a person would write it: `conf/model/gpt2.yaml`, or from the working directory."""
    for base in (conf_folder().parent, Path.cwd()):
        if path.is_relative_to(base):
            return path.relative_to(base).as_posix()
    return str(path)

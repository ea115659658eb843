"""Imports point down only, parts know no sibling, and the three trees rhyme."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from gpt_exp.config.location import PACKAGE, conf_folder

PARTS = (
    "model",
    "task",
    "data",
    "optimizer",
    "schedule",
    "tokenizer",
    "corpus",
    "sampling",
    "decoding",
    "adapter",
    "augmentation",
    "mixture",
    "balance",
    "growth",
)
LOWER = {  # What another part may build on.
    "task": ("gpt_exp.decoding",),
    "corpus": ("gpt_exp.data.pieces", "gpt_exp.data.canonical"),
}
FOR_PARTS = ("gpt_exp.interfaces", "gpt_exp.errors", "gpt_exp.run.durable", "gpt_exp.hardware")
NO_TORCH = (
    "tokenizer",
    "data",
    "corpus",
    "sampling",
    "schedule",
    "augmentation",
    "mixture",
    "growth",
    "config",
    "sweep",
    "page",
    "dashboard",
    "scaling",
    "interference",
    "stages",
)
LIGHT_FILES = (
    "interfaces.py",
    "errors.py",
    "cli.py",
    "check.py",
    "model/shape.py",
    "run/durable.py",
    "run/folder.py",
)
HEAVY = ("torch", "lightning", "torchmetrics", "wandb", "transformers", "datasets", "tensorboard")
HYDRA = ("cli.py", "experiment", "train.py", "config")  # train: is this a job of a sweep?
FILES = sorted(PACKAGE.rglob("*.py"))
GROUPS = (
    "model",
    "tokenizer",
    "data",
    "sampling",
    "task",
    "module",
    "optimizer",
    "schedule",
    "callback",
    "logger",
    "decode",
    "adapter",
    "augmentation",
    "mixture",
    "balance",
    "growth",
)
CODE = {"decode": "decoding"}  # A group whose name on the command line is not its folder's.


def imports(file: Path, *, on_import_only: bool = False) -> set[str]:
    """The dotted modules that a file imports; those of functions and type checking count unless excluded."""
    found = set()
    for node in statements(ast.parse(file.read_text()), on_import_only):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file} imports relatively"
            assert node.module is not None
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def statements(tree: ast.AST, on_import_only: bool) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        inner = isinstance(node, ast.FunctionDef | ast.Lambda)
        typing_only = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        if not (on_import_only and (inner or typing_only)):
            yield node
            yield from statements(node, on_import_only)


def lies_in(name: str, modules: tuple[str, ...]) -> bool:
    return any(name == module or name.startswith(f"{module}.") for module in modules)


def place(file: Path) -> str:
    return file.relative_to(PACKAGE).as_posix()


def is_light(file: Path) -> bool:
    return place(file).split("/")[0] in NO_TORCH or place(file) in LIGHT_FILES


@pytest.mark.parametrize("file", [f for f in FILES if place(f).split("/")[0] in PARTS], ids=place)
def test_a_part_imports_no_sibling(file: Path) -> None:
    part = place(file).split("/")[0]
    own = f"gpt_exp.{part}"
    ours = {name for name in imports(file) if lies_in(name, ("gpt_exp",))}
    assert not {name for name in ours if not lies_in(name, (own, *FOR_PARTS, *LOWER.get(part, ())))}


@pytest.mark.parametrize("file", [f for f in FILES if "/" in place(f)], ids=place)
def test_a_folder_imports_no_verb(file: Path) -> None:
    verbs = tuple(f"gpt_exp.{f.stem}" for f in PACKAGE.glob("*.py") if f.stem not in ("interfaces", "errors"))
    allowed = ("gpt_exp.precision", "gpt_exp.data_module", "gpt_exp.hardware")
    assert not {n for n in imports(file) if lies_in(n, verbs) and not lies_in(n, allowed)}


@pytest.mark.parametrize("file", [f for f in FILES if is_light(f)], ids=place)
def test_light_modules_import_nothing_heavy(file: Path) -> None:
    assert not {name for name in imports(file, on_import_only=True) if lies_in(name, HEAVY)}


@pytest.mark.parametrize("file", FILES, ids=place)
def test_only_few_know_hydra(file: Path) -> None:
    if place(file) not in HYDRA and place(file).split("/")[0] not in HYDRA:
        assert not {name for name in imports(file) if lies_in(name, ("hydra",))}


@pytest.mark.parametrize("file", [f for f in FILES if f.name == "__init__.py"], ids=place)
def test_init_files_are_empty(file: Path) -> None:
    tree = ast.parse(file.read_text())
    assert all(isinstance(node, ast.Expr | ast.Assign) for node in tree.body)
    assert file.parent == PACKAGE or not tree.body


def targets(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        yield from ([node["_target_"]] if "_target_" in node else [])
        for value in node.values():
            yield from targets(value)


@pytest.mark.parametrize("group", GROUPS)
def test_options_of_a_group_name_parts_of_its_folder(group: str) -> None:
    """conf/<group>/ holds parts of gpt_exp/<group>/, or of a library."""
    for file in (conf_folder() / group).glob("*.yaml"):
        for target in targets(yaml.safe_load(file.read_text())):
            assert not target.startswith("gpt_exp.") or target.startswith(
                f"gpt_exp.{CODE.get(group, group)}."
            ), f"{file}: {target}"


def test_every_group_has_its_folder() -> None:
    ours = {folder.name for folder in conf_folder().iterdir() if folder.is_dir()}
    without_code = {"trainer", "experiment", "debug", "hydra"}
    assert all((PACKAGE / CODE.get(group, group)).is_dir() for group in ours - without_code)

"""The parameters of whatever a `_target_` names, read from its source: nothing is imported."""

from __future__ import annotations

import ast
import importlib.machinery
import importlib.util
import inspect
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

MAX_HOPS = 20  # Re-exports and base classes followed before giving up.


class Module(NamedTuple):
    """A Python module that need not be imported."""

    name: str
    file: Path | None  # None: a namespace package, or one without Python source.
    folder: Path | None  # Where its submodules lie.


class Definition(NamedTuple):
    """Where a name is defined after every re-export has been followed."""

    module: Module
    node: ast.AST  # ClassDef, FunctionDef, or the expression that the name is assigned.

    @property
    def dotted(self) -> str:
        return f"{self.module.name}.{getattr(self.node, 'name', '')}"


class Annotation(NamedTuple):
    """A type as written, with the module that gives its names their meaning."""

    expression: ast.expr
    module: Module


def signature(target: str) -> inspect.Signature | None:
    """How `target` is called; None if its source does not say. Annotations are `Annotation`s."""
    definition = find(target)
    return None if definition is None else _signature(definition)


def find(dotted: str, hops: int = 0) -> Definition | None:
    """The definition behind a dotted name, e.g. `lightning.pytorch.Trainer`."""
    first, *rest = dotted.split(".")
    module = _top_level(first)
    while module is not None and rest:
        submodule = _submodule(module, rest[0])
        defined = len(rest) == 1 or submodule is None
        found = _attribute(module, rest, hops) if defined else None
        if found is not None or submodule is None:
            return found
        module, rest = submodule, rest[1:]
    return None


def names(dotted: str) -> list[str]:
    """What a module defines at its top, to suggest from."""
    module, _, _ = dotted.rpartition(".")
    first, *rest = module.split(".")
    found = _top_level(first)
    while found is not None and rest:
        found = _submodule(found, rest.pop(0))
    if found is None:
        return []
    return [
        f"{module}.{node.name}"
        for node in _statements(found)
        if isinstance(node, ast.ClassDef | ast.FunctionDef)
    ]


@lru_cache
def _top_level(name: str) -> Module | None:
    try:
        spec = importlib.util.find_spec(name)  # A top-level name: finds, does not import.
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    file = Path(spec.origin) if spec.origin and spec.origin.endswith(".py") else None
    locations = list(spec.submodule_search_locations or [])
    return Module(name, file, Path(locations[0]) if locations else None)


@lru_cache
def _submodule(module: Module, name: str) -> Module | None:
    if module.folder is None or not name.isidentifier():
        return None
    folder, dotted = module.folder / name, f"{module.name}.{name}"
    if (folder / "__init__.py").is_file():
        return Module(dotted, folder / "__init__.py", folder)
    if folder.with_suffix(".py").is_file():
        return Module(dotted, folder.with_suffix(".py"), None)
    return Module(dotted, None, folder) if folder.is_dir() else None


@lru_cache
def _parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_bytes())


def _statements(module: Module) -> Iterator[ast.stmt]:
    """A module's top-level statements, also inside `if` and `try`."""
    pending: list[ast.stmt] = list(_parsed(module.file).body) if module.file else []
    while pending:
        node = pending.pop(0)
        if isinstance(node, ast.If | ast.Try):
            inner = [*node.body, *(h for handler in getattr(node, "handlers", []) for h in handler.body)]
            pending[:0] = [*inner, *node.orelse, *getattr(node, "finalbody", [])]
        else:
            yield node


def _attribute(module: Module, path: list[str], hops: int) -> Definition | None:
    """`path` inside a module: a class, a function, a method of a class, or something imported there."""
    name, *rest = path
    for node in reversed(list(_statements(module))) if hops < MAX_HOPS else ():
        found = _defined_by(node, name, module, rest, hops + 1)
        if found is not None:
            return found
    return None


def _defined_by(node: ast.stmt, name: str, module: Module, rest: list[str], hops: int) -> Definition | None:
    match node:
        case ast.FunctionDef(name=defined) if defined == name and not rest:
            return Definition(module, node)
        case ast.ClassDef(name=defined) if defined == name:
            return _member(Definition(module, node), rest)
        case ast.ImportFrom() | ast.Import():
            return next(
                (
                    d
                    for dotted in _imported(node, name, module)
                    if (d := find(".".join([dotted, *rest]), hops))
                ),
                None,
            )
        case ast.Assign(targets=[ast.Name(id=defined)], value=value) if defined == name:
            return _assigned(value, module, rest, hops)
        case ast.AnnAssign(target=ast.Name(id=defined), value=ast.expr() as value) if defined == name:
            return _assigned(value, module, rest, hops)
    return None


def _imported(node: ast.ImportFrom | ast.Import, name: str, module: Module) -> Iterator[str]:
    """The dotted names that `name` may stand for after this import."""
    source = ""
    if isinstance(node, ast.ImportFrom):
        parts = module.name.split(".")
        base = parts[: len(parts) - node.level + (module.folder is not None)] if node.level else []
        source = ".".join([*base, *([node.module] if node.module else [])])
    for alias in node.names:
        if alias.name == "*":
            yield f"{source}.{name}"
        elif (alias.asname or alias.name.partition(".")[0]) == name:
            whole = alias.name if alias.asname or source else alias.name.partition(".")[0]
            yield f"{source}.{whole}" if source else whole


def _assigned(value: ast.expr, module: Module, rest: list[str], hops: int) -> Definition | None:
    if isinstance(value, ast.Name | ast.Attribute):
        return _attribute(module, [*ast.unparse(value).split("."), *rest], hops)
    return None if rest else Definition(module, value)


def _member(definition: Definition, path: list[str]) -> Definition | None:
    if not path:
        return definition
    assert isinstance(definition.node, ast.ClassDef)
    for node in reversed(definition.node.body):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == path[0] and len(path) == 1:
            return Definition(definition.module, node)
    return None


def _signature(definition: Definition, hops: int = 0) -> inspect.Signature | None:
    node, module = definition.node, definition.module
    if isinstance(node, ast.FunctionDef):
        bound = any(ast.unparse(decorator) == "classmethod" for decorator in node.decorator_list)
        return inspect.Signature(_parameters(node.args, module)[bound:])
    if not isinstance(node, ast.ClassDef) or hops > MAX_HOPS:
        return None
    bases = [ast.unparse(base).partition("[")[0] for base in node.bases]
    parents = [base for base in bases if base not in ("object", "Protocol", "ABC", "Generic")]
    constructor = _member(definition, ["__init__"])
    if constructor is not None and isinstance(constructor.node, ast.FunctionDef):
        own = _parameters(constructor.node.args, module)[1:]
        is_open = bool(own) and own[-1].kind is inspect.Parameter.VAR_KEYWORD
        given = _given_on(constructor.node) if is_open and len(parents) == 1 else None
        theirs = None if given is None else _inherited(parents, module, hops)
        return inspect.Signature(own if theirs is None else _joined(own, theirs, given or ()))
    if "NamedTuple" in bases or any("dataclass" in ast.unparse(mark) for mark in node.decorator_list):
        return inspect.Signature(_fields(node, module))
    return _inherited(parents, module, hops)


def _given_on(constructor: ast.FunctionDef) -> list[str] | None:
    """What a constructor gives its parent's beside all of its own `**keywords`.

    None where it does something else with them, or calls the parent's in more than one way.
    """
    assert constructor.args.kwarg is not None
    name, nodes = constructor.args.kwarg.arg, list(ast.walk(constructor))
    calls = [n for n in nodes if isinstance(n, ast.Call) and ast.unparse(n.func) == "super().__init__"]
    uses = [node for node in nodes if isinstance(node, ast.Name) and node.id == name]
    if len(calls) != 1 or len(uses) != 1 or calls[0].args:
        return None
    handed = [keyword.value for keyword in calls[0].keywords if keyword.arg is None]
    if handed != uses:
        return None
    return [keyword.arg for keyword in calls[0].keywords if keyword.arg is not None]


def _joined(
    own: list[inspect.Parameter], theirs: inspect.Signature, given: Iterable[str]
) -> list[inspect.Parameter]:
    """The parameters of a class with those of its parent in the place of its `**keywords`."""
    named = {each.name for each in own[:-1]} | set(given)
    others = [each for each in theirs.parameters.values() if each.name not in named]
    positional = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.POSITIONAL_ONLY)
    keywords = [
        each.replace(kind=inspect.Parameter.KEYWORD_ONLY) if each.kind in positional else each
        for each in others
        if each.kind is not inspect.Parameter.VAR_POSITIONAL
    ]
    return [*own[:-1], *keywords]


def _inherited(bases: list[str], module: Module, hops: int) -> inspect.Signature | None:
    if not bases:
        return inspect.Signature()
    for base in bases:
        parent = _attribute(module, base.split("."), hops)
        found = None if parent is None else _signature(parent, hops + 1)
        if found is None or found.parameters:
            return found
    return inspect.Signature()


def _parameters(arguments: ast.arguments, module: Module) -> list[inspect.Parameter]:
    def make(
        arg: ast.arg, kind: inspect._ParameterKind, default: ast.expr | None = None
    ) -> inspect.Parameter:
        annotation = inspect.Parameter.empty if arg.annotation is None else Annotation(arg.annotation, module)
        value = inspect.Parameter.empty if default is None else _literal(default)
        return inspect.Parameter(arg.arg, kind, annotation=annotation, default=value)

    ordinary = [*arguments.posonlyargs, *arguments.args]
    defaults = [None] * (len(ordinary) - len(arguments.defaults)) + list(arguments.defaults)
    kinds: list[inspect._ParameterKind] = [inspect.Parameter.POSITIONAL_ONLY] * len(arguments.posonlyargs)
    kinds += [inspect.Parameter.POSITIONAL_OR_KEYWORD] * len(arguments.args)
    found = [make(*each) for each in zip(ordinary, kinds, defaults, strict=True)]
    if arguments.vararg:
        found.append(make(arguments.vararg, inspect.Parameter.VAR_POSITIONAL))
    for arg, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        found.append(make(arg, inspect.Parameter.KEYWORD_ONLY, default))
    if arguments.kwarg:
        found += _unpacked(arguments.kwarg, module) or [make(arguments.kwarg, inspect.Parameter.VAR_KEYWORD)]
    return found


def _unpacked(arg: ast.arg, module: Module) -> list[inspect.Parameter]:
    """The keywords of `**name: Unpack[SomeTypedDict]` (PEP 692), all of which may be left out; else none."""
    match arg.annotation:
        case ast.Subscript(value=ast.Name(id="Unpack"), slice=ast.Name(id=name)):
            found = _attribute(module, [name], 0)
            assert found is not None and isinstance(found.node, ast.ClassDef)
            return [
                each.replace(kind=inspect.Parameter.KEYWORD_ONLY, default=None)
                for each in _fields(found.node, found.module)
            ]
    return []


def _fields(node: ast.ClassDef, module: Module) -> list[inspect.Parameter]:
    """The fields of a dataclass or a NamedTuple, as parameters."""
    fields = [
        each for each in node.body if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)
    ]
    return [
        inspect.Parameter(
            ast.unparse(each.target),
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
            annotation=Annotation(each.annotation, module),
            default=inspect.Parameter.empty if each.value is None else _literal(each.value),
        )
        for each in fields
    ]


def _literal(expression: ast.expr) -> object:
    """A default's value, or its source where it is computed."""
    try:
        return ast.literal_eval(expression)
    except (ValueError, TypeError):
        return ast.unparse(expression)

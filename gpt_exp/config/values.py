"""A config value against the annotation of the parameter that it goes to."""

from __future__ import annotations

import ast
import json
from typing import Any

from gpt_exp.config import signatures
from gpt_exp.config.nearest import nearest
from gpt_exp.config.signatures import Annotation

KINDS: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
    "str": (str,),
    "Path": (str,),
    "PathLike": (str,),
    **dict.fromkeys(("list", "tuple", "set", "Sequence", "Iterable", "Collection"), (list,)),
    **dict.fromkeys(("dict", "Mapping", "MutableMapping"), (dict,)),
}
MAX_ALIASES = 8


def mismatch(value: Any, annotation: Annotation) -> tuple[str, str]:
    """What was expected instead of `value`, and the nearest right value; empty strings if it fits.

    A type that is none of Python's plain ones accepts anything: its own constructor knows better.
    """
    if accepts(value, annotation):
        return "", ""
    choices = literals(annotation)
    expected = (
        f"one of {', '.join(dict.fromkeys(map(str, choices)))}"
        if choices
        else describe(annotation.expression)
    )
    if isinstance(value, str):
        suggestion = nearest(value, [choice for choice in choices if isinstance(choice, str)])
        return f"expected {expected}, got '{value}'", suggestion
    whole = isinstance(value, float) and value.is_integer() and accepts(int(value), annotation)
    return f"expected {expected}, got {json.dumps(value, default=str)}", str(int(value)) if whole else ""


def accepts(value: Any, annotation: Annotation, aliases: int = 0) -> bool:
    """Whether `value`, as YAML gives it, may be passed for this annotation."""
    expression, module = annotation
    if (isinstance(value, dict) and "_target_" in value) or aliases > MAX_ALIASES:
        return True  # An object that is made later.

    def fits(part: ast.expr, item: Any = value) -> bool:
        return accepts(item, Annotation(part, module), aliases)

    match expression:
        case ast.Constant(value=None):
            return value is None
        case ast.Constant(value=str() as text):
            return fits(ast.parse(text, mode="eval").body)
        case ast.BinOp(op=ast.BitOr(), left=left, right=right):
            return fits(left) or fits(right)
        case ast.Subscript(value=head, slice=inside):
            return _generic(value, _name(head), _parts(inside), fits)
        case ast.Name() | ast.Attribute():
            name = _name(expression)
            return _plain(value, name) if name in KINDS else _alias(value, annotation, aliases)
    return True


def _generic(value: Any, head: str, parts: list[ast.expr], fits: Any) -> bool:
    if head == "Literal":
        return any(type(value) is type(_constant(part)) and value == _constant(part) for part in parts)
    if head in ("Optional", "Union"):
        return (head == "Optional" and value is None) or any(fits(part) for part in parts)
    if head in ("Annotated", "Final"):
        return fits(parts[0])
    if head not in KINDS:
        return True
    if not _plain(value, head):
        return False
    if head == "tuple" and not (len(parts) == 2 and isinstance(parts[1], ast.Constant)):
        return len(value) == len(parts) and all(
            fits(part, item) for part, item in zip(parts, value, strict=True)
        )
    items = list(value.values()) if isinstance(value, dict) else value
    return all(fits(parts[-1] if isinstance(value, dict) else parts[0], item) for item in items)


def _plain(value: Any, name: str) -> bool:
    return isinstance(value, KINDS[name]) and (name == "bool" or not isinstance(value, bool))


def _alias(value: Any, annotation: Annotation, aliases: int) -> bool:
    """A name such as Lightning's `_PRECISION_INPUT`: what it was assigned, where that can be read."""
    target = expand(annotation)
    return True if target is None else accepts(value, target, aliases + 1)


def expand(annotation: Annotation) -> Annotation | None:
    """The type that an alias stands for; None for a class or anything unknown."""
    found = signatures.find(f"{annotation.module.name}.{ast.unparse(annotation.expression)}")
    if found is None or not isinstance(found.node, ast.Subscript | ast.BinOp):
        return None
    return Annotation(found.node, found.module)


def literals(annotation: Annotation | None, aliases: int = 0) -> list[Any]:
    """The values that every `Literal` inside an annotation allows."""
    if annotation is None or aliases > MAX_ALIASES:
        return []
    expression, module = annotation
    match expression:
        case ast.Subscript(value=head, slice=inside) if _name(head) == "Literal":
            return [_constant(part) for part in _parts(inside)]
        case ast.Subscript(value=head, slice=inside) if _name(head) in ("Optional", "Union"):
            parts = _parts(inside)
        case ast.BinOp(left=left, right=right):
            parts = [left, right]
        case ast.Name() | ast.Attribute():
            return literals(expand(annotation), aliases + 1)
        case _:
            return []
    return [choice for part in parts for choice in literals(Annotation(part, module), aliases + 1)]


def describe(expression: ast.expr) -> str:
    """An annotation in words: `int | None` is "int or null"."""
    match expression:
        case ast.BinOp(left=left, right=right):
            return f"{describe(left)} or {describe(right)}"
        case ast.Constant(value=None):
            return "null"
        case ast.Subscript(value=head, slice=inside) if _name(head) in ("Optional", "Union"):
            kinds = [describe(part) for part in _parts(inside)]
            return " or ".join([*kinds, "null"] if _name(head) == "Optional" else kinds)
    return ast.unparse(expression)


def _name(expression: ast.expr) -> str:
    name = ast.unparse(expression).rpartition(".")[2]
    return name.lower() if name in ("List", "Dict", "Tuple", "Set") else name


def _parts(inside: ast.expr) -> list[ast.expr]:
    return inside.elts if isinstance(inside, ast.Tuple) else [inside]


def _constant(part: ast.expr) -> Any:
    try:
        return ast.literal_eval(part)
    except ValueError:
        return ast.unparse(part)

"""Real predictions: of texts, kinds, rankings and costs, from Python's own library and a public text."""

import ast
import inspect
import math
import shutil
import statistics
import textwrap
from collections import Counter
from pathlib import Path

import pytest

from gpt_exp.interfaces import Prediction

ASSETS = Path(__file__).parents[2] / "assets"


def paragraphs(function: object) -> list[str]:
    text = inspect.getdoc(function) or ""
    return [" ".join(paragraph.split()) for paragraph in text.split("\n\n")]


@pytest.fixture(scope="session")
def summaries() -> list[Prediction]:
    """The first paragraph of a docstring beside those that follow, its references: two or three of them."""
    modules = (ast, inspect, shutil, statistics, textwrap)
    functions = [each for module in modules for _, each in inspect.getmembers(module, inspect.isfunction)]
    texts = [paragraphs(each) for each in functions]
    return [Prediction(first, rest[:3]) for first, *rest in texts if len(rest) >= 2]


KINDS = ("class", "constant", "function", "module")


def kind(thing: object) -> str:
    if inspect.isclass(thing):
        return "class"
    if inspect.ismodule(thing):
        return "module"
    return "function" if callable(thing) else "constant"


def guess(name: str) -> str:
    """By PEP 8 alone: never "module", and for some names nothing that is a kind."""
    if name.startswith("_"):
        return "private"
    if name.isupper():
        return "constant"
    return "class" if name[0].isupper() else "function"


@pytest.fixture(scope="session")
def kinds() -> list[Prediction]:
    """What a name in a module looks like, and what it is."""
    return [Prediction(guess(name), kind(thing)) for name, thing in inspect.getmembers(inspect)]


@pytest.fixture(scope="session")
def initials() -> list[Prediction]:
    """The letters that a text's words begin with, commonest first, against the initial of each word."""
    words = (ASSETS / "public_domain.txt").read_text().lower().split()
    letters = [word[0] for word in words if word[0].isalpha()]
    ranking = [letter for letter, _ in Counter(letters[:200]).most_common()]
    return [Prediction(ranking, letter) for letter in letters[200:500]]


@pytest.fixture(scope="session")
def lines() -> list[Prediction]:
    """What the lines of a text cost if its letters were drawn one by one."""
    text = (ASSETS / "public_domain.txt").read_text()
    counts = Counter(text)
    cost = {letter: math.log(len(text) / count) for letter, count in counts.items()}
    return [
        Prediction({"nats": sum(cost[letter] for letter in line), "num_targets": len(line)}, line)
        for line in text.splitlines()
        if line
    ]

"""Tests that are a standard library function's own examples."""

from __future__ import annotations

from collections.abc import Sequence

from gpt_exp.interfaces import Record
from gpt_exp.task.execution.run import Job, Limits, Outcome, run_all

NOTHING = "    raise NotImplementedError"
PROMPT = ">>>"


class Doctests:
    """Puts an answer in the place of a function or method, and runs the examples of its docstring.

    Records are {signature, docstring, body, name, group: the module's file}. Examples count where they can
    tell: the function's own body passes them, and a body that does nothing does not. Python's version and
    machine decide both.
    """

    def __init__(self, *, seconds: int = 3, megabytes: int = 512) -> None:
        self.limits = Limits(seconds, megabytes).checked()
        self._can_tell: dict[str, bool] = {}  # By the job of the function's own body.

    def outcomes(self, record: Record, answers: Sequence[str]) -> list[Outcome] | None:
        """Of each answer; None for a record without examples that count."""
        if PROMPT not in record["docstring"] or not self._counts(record):
            return None
        return run_all([job(record, answer) for answer in answers], self.limits)

    def _counts(self, record: Record) -> bool:
        own = job(record, record["body"])
        key = "\0".join(map(str, own))
        if key not in self._can_tell:
            found = run_all([own, job(record, NOTHING)], self.limits)
            self._can_tell[key] = found[0] == "passed" and found[1] != "passed"
        return self._can_tell[key]


def job(record: Record, body: str) -> Job:
    program = f"{record['signature']}\n{body}\n"
    return Job(program, record["docstring"], module=module_of(record["group"]), name=record["name"])


def module_of(file: str) -> str:
    """A file's dotted name: "json/encoder.py" is json.encoder, "json/__init__.py" is json."""
    return file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

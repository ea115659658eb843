"""Tests that a data set brings along, as statements that fail by an exception."""

from __future__ import annotations

from collections.abc import Sequence

from gpt_exp.interfaces import Record
from gpt_exp.task.execution.run import Job, Limits, Outcome, run_all
from gpt_exp.task.prompt import FIELD

ANSWER = "answer"  # The field that holds what a model wrote.


class Assertions:
    """A program and its tests from a record's fields, in braces; {answer} is what is to be tested.

    The lines of a list follow each other. HumanEval's (Chen et al. 2021, arXiv:2107.03374) are
    "{prompt}{answer}" and "{test}\\ncheck({entry_point})".
    """

    def __init__(self, *, program: str, tests: str, seconds: int = 3, megabytes: int = 512) -> None:
        if ANSWER not in FIELD.findall(program):
            raise ValueError(f"task.tests.program={program!r} must hold {{{ANSWER}}}: what is to be tested")
        self.program, self.tests, self.limits = program, tests, Limits(seconds, megabytes).checked()

    def outcomes(self, record: Record, answers: Sequence[str]) -> list[Outcome]:
        """Of each answer; ValueError names a field that the record has not."""
        jobs = [
            Job(filled(self.program, {**record, ANSWER: answer}), filled(self.tests, record))
            for answer in answers
        ]
        return run_all(jobs, self.limits)


def filled(template: str, record: Record) -> str:
    """The text with a record's fields in the place of their names."""

    def text(field: str) -> str:
        if field not in record:
            raise ValueError(f"task.tests: a record has no field {field!r}, only {', '.join(record)}")
        value = record[field]
        return "\n".join(value) if isinstance(value, list) else str(value)

    return FIELD.sub(lambda match: text(match[1]), template)

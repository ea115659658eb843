"""What is wrong with a configuration, in a line."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from gpt_exp.errors import UserError


class Problem(NamedTuple):
    """One mistake: the key, what is wrong, where it was written, and the nearest right name."""

    key: str
    message: str
    where: str = ""  # "command line" or "conf/experiment/mine.yaml:12"
    suggestion: str = ""

    def __str__(self) -> str:
        line = f"{self.key}: {self.message}" if self.key else self.message
        line += f" ({self.where})" * bool(self.where)
        line += f". Did you mean {self.suggestion}?" if self.suggestion else ""
        return " ".join(line.split())


def refuse(problems: Iterable[Problem]) -> None:
    """Raise all problems as one `UserError`, a line each; nothing if there are none."""
    lines = list(dict.fromkeys(map(str, problems)))
    if lines:
        raise UserError("\n".join(lines))

"""200 one-edit typos of real overrides through the command line: no traceback, exit 2, the right suggestion.

Of the keys of three jobs: pretraining, a task, several tasks.

python benchmarks/typos.py
"""

from __future__ import annotations

import contextlib
import io
import random
import string
import subprocess
import sys
import traceback
from typing import NamedTuple

from gpt_exp import cli
from gpt_exp.config.compose import composition
from gpt_exp.config.keys import known_keys
from gpt_exp.config.location import groups

NUM_TYPOS, NUM_SUBPROCESSES, SEED = 200, 10, 1337
LEAST_SHARE = 0.95
SCRIPT = "import sys; from gpt_exp.cli import main; sys.exit(main())"


class Typo(NamedTuple):
    recipe: list[str]  # Overrides before it.
    override: str
    meant: str  # What the suggestion must be.


class Outcome(NamedTuple):
    code: int
    message: str


def main() -> int:
    rng = random.Random(SEED)
    typos = [typo(rng) for _ in range(NUM_TYPOS)]
    outcomes = [in_process(each) for each in typos]
    outcomes += [in_subprocess(each) for each in typos[:NUM_SUBPROCESSES]]
    all_typos = [*typos, *typos[:NUM_SUBPROCESSES]]
    tracebacks = sum("Traceback" in outcome.message for outcome in outcomes)
    wrong_codes = sum(outcome.code != cli.MISTAKE for outcome in outcomes)
    missed = [
        (t, o)
        for t, o in zip(all_typos, outcomes, strict=True)
        if f"Did you mean {t.meant}?" not in o.message
    ]
    share = 1 - len(missed) / len(outcomes)
    for each, outcome in missed:
        print(f"missed: {each.override}  (meant {each.meant})  {outcome.message.strip()}")
    print(f"{len(outcomes)} typos ({NUM_SUBPROCESSES} of them in processes of their own)")
    print(f"tracebacks: {tracebacks}\nexit codes other than 2: {wrong_codes}\nright suggestion: {share:.1%}")
    return int(tracebacks > 0 or wrong_codes > 0 or share < LEAST_SHARE)


def typo(rng: random.Random) -> Typo:
    """One edit in a key, in the name of an option, or in a key behind `+`."""
    while True:
        kind = rng.choice(("key", "key", "key", "option", "plus"))
        if kind == "option":
            group, options = rng.choice([item for item in OPTIONS.items() if item[1]])
            option = rng.choice(options)
            made = edited(option, rng)
            if made not in ALL_OPTIONS[group]:
                value = f"[{made}]" if group in ("callback", "logger") else made
                return Typo([], f"{group}={value}", f"{group}={option}")
        else:
            recipe = rng.choice(RECIPES)
            key = rng.choice(recipe.keys)
            made = edited(key, rng)
            if made not in recipe.all_keys and not made.startswith("hydra"):
                return Typo(recipe.overrides, f"{'+' * (kind == 'plus')}{made}=1", key)


def edited(word: str, rng: random.Random) -> str:
    """A letter deleted, inserted, replaced, or swapped with its neighbour."""
    at = rng.choice([index for index, letter in enumerate(word) if letter.isalpha()])
    letter = rng.choice(string.ascii_lowercase)
    return rng.choice(
        (
            word[:at] + word[at + 1 :],
            word[:at] + letter + word[at:],
            word[:at] + letter + word[at + 1 :],
            word[:at] + word[at + 1 : at + 2] + word[at] + word[at + 2 :],
        )
    )


def in_process(each: Typo) -> Outcome:
    error = io.StringIO()
    with contextlib.redirect_stderr(error), contextlib.redirect_stdout(io.StringIO()):
        try:
            code = cli.main(["check", *each.recipe, each.override])
        except BaseException:
            code = 1
            traceback.print_exc()
    return Outcome(code, error.getvalue())


def in_subprocess(each: Typo) -> Outcome:
    command = [sys.executable, "-c", SCRIPT, "check", *each.recipe, each.override]
    result = subprocess.run(command, capture_output=True, text=True)
    return Outcome(result.returncode, result.stderr)


ALL_OPTIONS = groups()
OPTIONS = {group: [o for o in options if not o.startswith("_")] for group, options in ALL_OPTIONS.items()}


class Recipe(NamedTuple):
    """A job whose keys are misspelt."""

    overrides: list[str]
    all_keys: set[str]
    keys: list[str]  # Those that a person would write: of the YAML files, and of the parts' parameters.

    @classmethod
    def of(cls, *overrides: str) -> Recipe:
        config = composition("train", list(overrides)).resolved.config
        every = {*known_keys(config), *OPTIONS}
        return cls(
            list(overrides),
            every,
            sorted(
                k for k in every if "." in k or (not isinstance(config.get(k), dict) and k not in OPTIONS)
            ),
        )


RECIPES = [
    Recipe.of(),
    Recipe.of("experiment=summarization_docstrings"),
    Recipe.of("experiment=multi_task_embedded"),
]

if __name__ == "__main__":
    sys.exit(main())

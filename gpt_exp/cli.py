"""gpt-exp VERB [overrides]: the command line. Nothing heavy is imported before a verb needs it."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from gpt_exp.errors import UserError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from omegaconf import DictConfig

    from gpt_exp.config.compose import Composition

VERBS = {
    "train": "train a model, with checkpoints, samples and a report; resume=auto goes on with a run",
    "evaluate": "a run or a model on held-out data: losses, a task's figures, a page of answers",
    "generate": "write text with a trained model",
    "check": "everything wrong with a training job before it starts, and what it would cost",
    "export": "a run as a Hugging Face folder: safetensors, config.json, tokenizer",
    "prepare": "train the tokenizer and tokenise the text now, so that train starts at once",
    "average": "the mean of checkpoints, or of several runs of one network, as a run of its own",
    "back_translate": "training texts said anew by two translation runs, there and back, for augmentation",
    "pseudo_label": "a run's own answers where it is sure, as data to train on: self-training",
    "report": "write a run's report.html again",
    "sweep": "what became of a sweep's jobs: status, leaderboard, report, retry, resume",
    "stages": "a staged experiment's lineage: what came from what, cached or run, time, metric",
    "compare": "runs side by side, by what differs: config, code, machine, metrics",
    "scaling": "how the loss falls with size and data, from a sweep, and what a larger run would reach",
    "interference": "each task of several alone against all together, from a sweep over only=",
    "dashboard": "a local web page of all runs and sweeps, live",
}
SHELLS = ("bash", "zsh", "fish")
SWEPT = ("train", "check")  # Verbs that take -m.
# The keys that words without = go to: each word its own, or all words one list.
WORDS = {"sweep": ("action", "folder"), "stages": ("folder",)}
WORD_LISTS = {"average": "runs", "compare": "runs", "scaling": "runs", "interference": "runs"}
SPLIT = "data.split="
MISTAKE, INTERRUPTED = 2, 130  # Exit codes.


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit code. A user's mistake is a line on stderr and exit code 2."""
    try:
        return dispatch(sys.argv[1:] if arguments is None else arguments)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # `gpt-exp train --help | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (UserError, ValueError, OSError) as error:
        if os.environ.get("GPT_EXP_TRACEBACK"):
            raise
        tell(error)
        return getattr(error, "exit_code", MISTAKE)


def tell(error: Exception) -> None:
    """One `error:` line on stderr for each mistake."""
    for line in str(error).splitlines() or [type(error).__name__]:
        print(f"error: {line}", file=sys.stderr)


def dispatch(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(overview())
        return 0
    verb, *rest = arguments
    if verb == "--version":
        from importlib.metadata import version

        print(f"gpt-exp {version('gpt-exp')}")
    elif verb == "completion":
        return complete(rest)
    elif verb not in VERBS:
        raise UserError(unknown_verb(verb))
    elif {"-h", "--help"} & set(rest):
        from gpt_exp.config.help import help_of

        print(help_of(verb, VERBS[verb]))
    else:
        run(verb, rest)
    return 0


def overview() -> str:
    """Every verb with a line."""
    lines = ["gpt-exp VERB [key=value ...]", ""]
    lines += [f"  {verb:16}{line}" for verb, line in VERBS.items()]
    return "\n".join(
        [
            *lines,
            "",
            "gpt-exp VERB --help           what it takes, with examples",
            'gpt-exp completion bash       for your shell to complete: eval "$(gpt-exp completion bash)"',
            "gpt-exp --version",
        ]
    )


def unknown_verb(verb: str) -> str:
    from gpt_exp.config.nearest import meant

    return f"{verb}: no such verb; there is {', '.join(VERBS)}{meant(verb, VERBS)}"


def complete(arguments: list[str]) -> int:
    """`completion SHELL` prints what a shell sources; `completion query` answers it."""
    from gpt_exp.config import completion

    if arguments == ["query"]:
        print("\n".join(completion.candidates(os.environ.get("COMP_LINE", ""), VERBS)))
    elif len(arguments) == 1 and arguments[0] in SHELLS:
        print(completion.script(arguments[0]))
    else:
        raise UserError(f"gpt-exp completion {'|'.join(SHELLS)}")
    return 0


def run(verb: str, arguments: list[str]) -> None:
    """Compose and check a verb's config, then do it; Hydra's flags do what they always do."""
    from gpt_exp.config import hydra_app, jobs
    from gpt_exp.config.location import root_config
    from gpt_exp.config.resumed import with_saved

    arguments = worded(verb, arguments)
    arguments, prompt = without_prompt(arguments) if verb == "generate" else (arguments, None)
    flags = hydra_app.parse(verb, arguments)
    flags.overrides = with_saved(flags.overrides)
    name = root_config(verb)
    if flags.cfg == "job" and jobs.is_staged(verb, flags):
        for stage in jobs.checked(verb, flags)[0].stages:
            print(f"# {stage.name}: {stage.path}\n{stage.yaml()}")
        return
    if hydra_app.only_shows(flags):
        spelt = jobs.spelt_for_showing(verb, flags) if flags.cfg else flags.overrides
        hydra_app.hand_over(name, flags, spelt, lambda config, overrides: None)
        return
    if flags.multirun and verb not in SWEPT:
        raise UserError(
            f"-m: {verb} does one thing at a time; only {' and '.join(SWEPT)} take several values"
        )
    found = jobs.checked(verb, flags)
    if found[0].stages:
        staged(verb, found, flags)
        return
    if verb == "train":
        hydra_app.hand_over(name, flags, jobs.spelt(found, flags.overrides), module(verb))
        return
    for job in found:
        print(f"\n{' '.join(job.given)}" * (len(found) > 1), end="\n" * (len(found) > 1))
        if prompt is not None:
            job.config.prompt = prompt
        module(verb)(job.config, job.given)


def staged(verb: str, found: list[Composition], flags: argparse.Namespace) -> None:
    """Train, sweep or check an experiment of several runs: `found` are the last ones of each."""
    if verb == "prepare":
        raise UserError("prepare: experiment=... lists stages, each with its own data; train prepares them")
    if verb == "check":
        from gpt_exp.check import tell_stages

        tell_stages(found)
    elif flags.multirun:
        from gpt_exp.sweep.carry_out import carry_out as sweep

        sweep(jobs_here(flags.overrides), flags.config_dir, flags.config_name or "train")
    else:
        from gpt_exp.stages.carry_out import carry_out

        carry_out(found[0], flags.overrides)


def jobs_here(overrides: list[str]) -> list[str]:
    """A staged sweep's overrides; UserError for another launcher or sweeper than ours."""
    for text in overrides:
        if text.startswith("hydra/") and "=" in text:
            raise UserError(f"{text}: sweeps over stages run on this machine, in gpt-exp's own slots")
    return [text for text in overrides if text != "hydra.mode=MULTIRUN"]


def worded(verb: str, arguments: list[str]) -> list[str]:
    """`compare A B` as `compare runs=[A,B]`, and `sweep status FOLDER` as `action=status folder=FOLDER`.

    Of `evaluate` the usual `data.split=test` is `splits=[test]`.
    """
    if verb == "evaluate":
        return [
            f"splits=[{each.removeprefix(SPLIT)}]" if each.startswith(SPLIT) else each for each in arguments
        ]
    if verb not in (*WORDS, *WORD_LISTS):
        return arguments
    from gpt_exp.config.overrides import quoted

    words = [each for each in arguments if "=" not in each and not each.startswith("-")]
    rest = [each for each in arguments if each not in words]
    given = [quoted(word) for word in words]
    if verb in WORD_LISTS:
        return [*rest, f"{WORD_LISTS[verb]}=[{','.join(given)}]"] if words else rest
    keys = WORDS[verb]
    if len(words) > len(keys):
        usage = " ".join(key.upper() for key in keys)
        raise UserError(f"{words[len(keys)]}: one word too many; gpt-exp {verb} {usage}")
    return [*rest, *(f"{key}={word}" for key, word in zip(keys, given, strict=False))]


def without_prompt(arguments: list[str]) -> tuple[list[str], str | None]:
    """The arguments but `prompt=...`, and its text as it stands: Hydra's grammar has no place for prose."""
    prompts = [argument for argument in arguments if argument.startswith("prompt=")]
    rest = [argument for argument in arguments if argument not in prompts]
    return rest, prompts[-1].removeprefix("prompt=") if prompts else None


def module(verb: str) -> Callable[[DictConfig, list[str]], object]:
    """The verb's own `main`."""
    from importlib import import_module

    found = import_module(f"gpt_exp.{verb}")
    return (import_module(f"gpt_exp.{verb}.command") if hasattr(found, "__path__") else found).main

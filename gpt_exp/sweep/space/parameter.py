"""One swept override in Hydra's grammar: a list of values, numbers at equal steps, or an interval."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from math import inf
from typing import Any

from gpt_exp.config.location import groups
from gpt_exp.config.overrides import COMMAND_LINE, parse
from gpt_exp.config.problem import Problem

LOG = "log"
MAX_VALUES = 10_000  # Of a list or a range: more are an interval's business.


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """What a parameter may be: one of `values`, or, where there are none, from `low` to `high`."""

    key: str  # optimizer.lr
    text: str  # The override as given.
    prefix: str = ""  # Hydra's + or ++.
    name: str = ""  # In a study: the key, with its conditions where several parameters set one key.
    values: tuple[str, ...] = ()  # Spelt so that Hydra reads back just these.
    step: float | None = None  # Between the values of a range.
    low: float = 0.0  # Both ends belong to an interval; they are int where its numbers are whole.
    high: float = 0.0
    log: bool = False
    tags: tuple[str, ...] = ()
    conditions: Mapping[str, frozenset[str]] = field(default_factory=dict)  # Key -> values of another.

    @property
    def is_interval(self) -> bool:
        return not self.values

    @property
    def is_list(self) -> bool:
        """Values without an order: neither an interval nor a range."""
        return bool(self.values) and self.step is None

    @property
    def is_whole(self) -> bool:
        """Whether an interval or a range has whole numbers only."""
        if self.is_interval:
            return isinstance(self.low, int)
        return all(value.removeprefix("-").isdigit() for value in self.values)

    @property
    def num_values(self) -> int | None:
        """None for an interval of real numbers."""
        if not self.is_interval:
            return len(self.values)
        if self.low == self.high:
            return 1
        return int(self.high - self.low) + 1 if self.is_whole else None

    def ends(self) -> Sequence[str]:
        """All values of a list; the least and the greatest of an interval."""
        return self.values or tuple(dict.fromkeys((repr(self.low), repr(self.high))))

    def every_value(self) -> Sequence[str]:
        """All of them, where `num_values` is a number."""
        if self.is_interval and self.is_whole:
            return [str(number) for number in range(int(self.low), int(self.high) + 1)]
        return self.ends()

    def exists(self, chosen: Mapping[str, str]) -> bool:
        """Whether a job has this parameter, by the values of those before it."""
        return all(chosen.get(key) in values for key, values in self.conditions.items())

    def override(self, value: str) -> str:
        return f"{self.prefix}{self.key}={value}"


def key_of(override: Any) -> str:
    """Hydra's key without its +, so that `a=1 ++a=2` is one; ~ stays for what is taken away."""
    return str(override.get_key_element()).lstrip("+")


def tags_of(override: Any) -> tuple[str, ...]:
    return tuple(sorted(getattr(override.value(), "tags", ())))


def is_condition(tag: str) -> bool:
    return ":" in tag


def read_value(text: str) -> Any:
    """What Hydra makes of a value as it is spelt."""
    return parse([f"value={text}"])[0].value()


def read_parameter(override: Any, config_dir: str | None, problems: list[Problem]) -> Parameter:
    """Still without conditions, which need the others; what is wrong is added to `problems`."""

    def wrong(message: str) -> None:
        problems.append(Problem(str(override.input_line), message, COMMAND_LINE))

    key, tags = key_of(override), tags_of(override)
    known: dict[str, Any] = {
        "key": key,
        "text": str(override.input_line),
        "prefix": str(override.get_key_element()).removesuffix(key),
        "name": key,
        "tags": tags,
        "log": LOG in tags,
    }
    if override.is_interval_sweep():
        low, high = _ends(override.value(), known["log"], wrong)
        return Parameter(**known, low=low, high=high)
    values, step = _listed(override, config_dir, wrong)
    parameter = Parameter(**known, values=values, step=step)
    if parameter.log and not (step == 1 and parameter.is_whole and values and int(values[0]) > 0):
        wrong(
            "tag(log, ...) goes with an interval(...), or a range(...) of whole numbers above 0 in steps of 1"
        )
    return parameter


def _ends(interval: Any, log: bool, wrong: Callable[[str], None]) -> tuple[float, float]:
    if not -inf < interval.start <= interval.end < inf:
        wrong("an interval goes from its lower to its higher end, both finite")
    elif log and interval.start <= 0:
        wrong("a logarithmic scale begins above 0")
    return interval.start, interval.end


def _listed(
    override: Any, config_dir: str | None, wrong: Callable[[str], None]
) -> tuple[tuple[str, ...], float | None]:
    """The values, and the step of a range."""
    sweep = override.value()
    step = sweep.step if override.is_range_sweep() else None
    if step is not None and not (step != 0 and abs(sweep.stop - sweep.start) <= MAX_VALUES * abs(step) < inf):
        wrong(f"a range has at most {MAX_VALUES:,} values; interval(...) takes any number of them")
        return (), step
    is_glob = override.is_choice_sweep() and not hasattr(sweep, "list")
    values = _options(override, groups(config_dir), wrong) if is_glob else _values(override)
    if not values and not is_glob:
        wrong("there is no value in it")
    return values, step


def _values(override: Any) -> tuple[str, ...]:
    """The values in the order given, without repetitions."""
    override.value().shuffle = False  # A search draws as it likes, and a grid has an order.
    spelt: dict[str, str] = {}
    for value, text in zip(override.sweep_iterator(), override.sweep_string_iterator(), strict=True):
        if isinstance(value, str) and read_value(text) != value:  # str(1,2) means strings.
            text = f"'{text}'"
        spelt.setdefault(repr(read_value(text)), text)
    return tuple(spelt.values())


def _options(override: Any, offered: dict[str, list[str]], wrong: Callable[[str], None]) -> tuple[str, ...]:
    """The options of a group that a glob means; bases of options (_gpt2) only where it asks for them."""
    glob = override.value()
    if override.key_or_group not in offered:
        wrong("glob(...) is for groups of options, such as model")
        return ()
    bases = any(pattern.startswith("_") for pattern in glob.include)
    options = [option for option in offered[override.key_or_group] if bases or not option.startswith("_")]
    found = [o for o in options if _matches(o, glob.include) and not _matches(o, glob.exclude)]
    if not found:
        wrong(f"matches none of {', '.join(options)}")
    return tuple(found)


def _matches(option: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch(option, pattern) for pattern in patterns)

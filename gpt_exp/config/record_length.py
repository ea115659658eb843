"""How many tokens a task's records are long, before there is a tokenizer. Imports no torch."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from glob import iglob
from itertools import islice
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

from gpt_exp.config.data_nodes import made_of
from gpt_exp.config.feasibility import get
from gpt_exp.config.made import is_ours, made
from gpt_exp.config.several import plainly_alone
from gpt_exp.corpus.record_texts import RecordTexts

ONE_BY_ONE = "gpt_exp.sampling.length_buckets."  # Every other sampling fills the context.
FILES = ("train", "root")  # Keys of data that lie on this machine.
MAX_BYTES, MAX_FILES = 32 * 2**20, 10_000  # That are read for an estimate: a second.
NUM_ENCODED = 200  # Records, where there is a tokenizer.
CHARACTERS_PER_TOKEN = 3.5  # Of a vocabulary of some thousands, which is still to be trained.
OF_ITEMS, ITEMS = "gpt_exp.task.recommendation.Recommendation", "gpt_exp.tokenizer.items.train"
AT_HAND = ("byte", "file")  # Tokenizers that need no training and no download.


class RecordLength(NamedTuple):
    """Tokens that the model reads of a record."""

    mean: float
    longest: int
    basis: str


def record_length(config: dict[str, Any], context_length: int) -> RecordLength | None:
    """Of a resolved config's training records; None where every sequence fills the context."""
    if not str(get(config, "sampling._target_", "")).startswith(ONE_BY_ONE):
        return None
    views = dict(plainly_alone(config)) or {"": config}
    lengths = {name: _of_config(view) for name, view in views.items()}
    assumed = [name for name, each in lengths.items() if not each]
    cut = {name: [min(n, context_length) for n in own or [context_length]] for name, own in lengths.items()}
    means = [fmean(each) for each in cut.values()]
    shares = _shares(config, {} if assumed else {name: len(each) for name, each in cut.items()}, len(cut))
    mean = sum(share * each for share, each in zip(shares, means, strict=True))
    longest = max(max(each) for each in cut.values())
    return RecordLength(max(1.0, mean), max(1, round(longest)), _basis(assumed))


def _basis(assumed: list[str]) -> str:
    if not assumed:
        return "estimated from the records' texts"
    of = f" of {', '.join(assumed)}" if any(assumed) else ""
    return f"as many as fit the context{of}, assumed"


def _of_config(config: dict[str, Any]) -> list[float]:
    is_of_items = bool(config.get("mixture")) and get(config, "task._target_") == OF_ITEMS
    tokenizer = {"_target_": ITEMS} if is_of_items else config.get("tokenizer")
    return _lengths(*(json.dumps(node, default=str) for node in (config.get("data"), tokenizer)))


def _shares(config: dict[str, Any], sizes: dict[str, int], count: int) -> list[float]:
    """Of several tasks, as their mixture begins; equal ones where their sizes are not known."""
    if count > 1 and sizes and config.get("mixture"):
        try:
            return list(made(config["mixture"])(sizes=sizes).shares(0))
        except (ValueError, TypeError, ImportError):  # Told where the job makes it.
            pass
    return [1 / count] * count


@lru_cache(maxsize=64)  # The jobs of a sweep mostly share their data.
def _lengths(data: str, tokenizer: str) -> list[float]:
    """Of each training record, in tokens; empty where the data cannot be read in about a second."""
    node = _written(json.loads(data) or {})
    if not str(node.get("_target_", "")).startswith("gpt_exp.data.") or not (
        is_ours(node) and _is_small(node)
    ):
        return []
    try:
        texts = [text for text, _ in RecordTexts(records=made(node)).pieces()]
        return _in_tokens(texts, json.loads(tokenizer) or {})
    except (ValueError, OSError, ImportError, TypeError):  # Told where the job reads the data.
        return []


def _in_tokens(texts: list[str], tokenizer: dict[str, Any]) -> list[float]:
    family = str(tokenizer.get("_target_", "")).rpartition(".")[0].rpartition(".")[2]
    if family == "items":
        return [float(len(text.split())) for text in texts]
    per_token = 1.0 if family == "character" else CHARACTERS_PER_TOKEN
    if family in AT_HAND and not tokenizer.get("_partial_") and _is_there(tokenizer):
        sample = texts[:: max(1, len(texts) // NUM_ENCODED)]
        encoded = made(tokenizer).encode_batch(sample)
        per_token = sum(map(len, sample)) / max(1, sum(map(len, encoded)))
    return [len(text) / per_token for text in texts]


def _is_there(tokenizer: dict[str, Any]) -> bool:
    """That of an earlier stage may still be to be trained."""
    return "path" not in tokenizer or Path(str(tokenizer["path"])).expanduser().exists()


def _written(data: dict[str, Any]) -> dict[str, Any]:
    """Without those of data=together whose files an earlier stage is still to write."""
    if not isinstance(sources := data.get("sources"), dict):
        return data
    there = {name: each for name, each in sources.items() if not _named(each) or any(_read_by(each))}
    return {**data, "sources": there}


def _is_small(data: dict[str, Any]) -> bool:
    """Whether all that is read are files, and few bytes."""
    total = 0
    for node in _leaves(data):
        files = list(islice(_read_by(node), MAX_FILES))
        total += sum(path.stat().st_size for path in files)
        if not files or len(files) == MAX_FILES or total > MAX_BYTES:
            return False
    return True


def _leaves(data: Any) -> Iterator[Any]:
    """The data that data are made of, at any depth, or they themselves."""
    inner = made_of(data)
    for node in inner.values():
        yield from _leaves(node)
    if not inner:
        yield data


def _named(data: Any) -> list[Any]:
    """What a node says of where its files are."""
    return [data[key] for key in FILES if data.get(key)] if isinstance(data, dict) else []


def _read_by(data: Any) -> Iterator[Path]:
    yield from _files(_named(data), str(data.get("folder") or "") if isinstance(data, dict) else "")


def _files(named: Any, folder: str) -> Iterator[Path]:
    """All files that paths, patterns and folders mean; of a folder that holds `folder` those in there."""
    if isinstance(named, list):
        for each in named:
            yield from _files(each, folder)
    elif isinstance(named, str):
        for found in map(Path, iglob(str(Path(named).expanduser()), recursive=True)):  # noqa: PTH207
            inner = found / folder if folder and (found / folder).is_dir() else found
            yield from (inner.rglob("*") if inner.is_dir() else [inner])

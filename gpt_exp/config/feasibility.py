"""What fits every signature and still cannot be trained: sizes, batches, steps, files. Imports no torch."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from glob import iglob
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from gpt_exp.config import credentials, data_nodes
from gpt_exp.config.keys import META
from gpt_exp.config.made import is_ours, made
from gpt_exp.config.nearest import nearest
from gpt_exp.config.problem import Problem
from gpt_exp.config.resolve import UNKNOWN
from gpt_exp.errors import UserError

Config = dict[str, Any]
# Bounds that no constructor without torch would tell: least value, and whether it is allowed itself.
LEAST = {
    "batch_size": (1, True),
    "num_workers": (0, True),
    "repeat_steps": (1, True),
    "trainer.max_steps": (1, True),
    "trainer.num_nodes": (1, True),
    "trainer.accumulate_grad_batches": (1, True),
    "trainer.val_check_interval": (1, True),
    "trainer.log_every_n_steps": (1, True),
    "trainer.gradient_clip_val": (0, True),
    "optimizer.lr": (0, False),
    "optimizer.adamw_lr": (0, False),
    "optimizer.weight_decay": (0, True),
    "balance.lr": (0, False),
    "balance.alpha": (0, True),
    "balance.temperature": (0, False),
    "balance.every_n_steps": (1, True),
    "seed": (0, True),
    "callback.checkpoint.every_n_steps": (1, True),
    "callback.checkpoint.keep_last": (2, True),
    "callback.samples.every_n_steps": (1, True),
    "callback.unfreezing.num_blocks": (1, True),
    "callback.unfreezing.every_n_steps": (1, True),
    "callback.samples.max_new_tokens": (1, True),
    "callback.samples.temperature": (0, True),
    "module.num_predicted": (0, True),
    "module.cosine_every_n_steps": (1, True),
    "module.noise": (0, True),
    "module.r_drop": (0, True),
    "adapter.rank": (1, True),
    "adapter.alpha": (0, False),
}
# Keys of Lightning's Trainer that are ours to set, and what to write instead.
TAKEN = {
    "max_epochs": "trainer.max_steps: training is counted in steps",
    "limit_train_batches": "trainer.max_steps",
    "overfit_batches": "repeat_steps, or debug=overfit",
    "check_val_every_n_epoch": "trainer.val_check_interval, in steps",
    "num_sanity_val_steps": "debug=fast",
    "default_root_dir": "paths.run",
    "callbacks": "callback=[...]",
    "enable_checkpointing": "callback=[...] without checkpoint",
    "enable_progress_bar": "callback=[...] without progress",
    "enable_model_summary": "gpt-exp check, which tells the sizes",
    "logger": "logger=[...]",
    "plugins": "a strategy of your own",
    "use_distributed_sampler": "nothing: the sampler knows the devices",
}
MADE = ("sampling", "schedule", "data", "split")  # Parts that are light enough to be made here.
PATHS = {"data": ("paths", "path", "root", "data_files"), "tokenizer": ("path",)}
EXTRAS = {  # The package that a part needs and that it can't ask for without torch, and the extra of it.
    "gpt_exp.logger.mlflow.": ("mlflow", "mlflow"),
    "gpt_exp.logger.trackio.": ("trackio", "trackio"),
    "gpt_exp.adapter.lora.": ("peft", "finetune"),
}
# Optimizers with a rule in gpt_exp/optimizer/width.py; one of the user's own is told when it is made.
WIDTH_SCALED = ("gpt_exp.optimizer.adamw.adamw", "gpt_exp.optimizer.muon.muon", "torch.optim.AdamW")
FORMATS = ("json", "csv", "text", "parquet")  # What `data.path` may say instead of a folder.


def problems(config: Config) -> list[Problem]:
    """Everything of this kind that is wrong with a resolved training config."""
    checks: list[Callable[[Config], Iterable[Problem]]] = [
        _bounds,
        _limits,
        _model,
        _batch,
        _parts,
        _files,
        data_nodes.problems,
        _packages,
        _strategy,
        _parametrization,
        _trainer,
        _resume,
        _name,
        credentials.problems,
    ]
    return [problem for check in checks for problem in check(config)]


def _limits(config: Config) -> Iterable[Problem]:
    """Lightning's: so many batches, or a share of them."""
    for key in ("trainer.limit_val_batches", "trainer.limit_test_batches"):
        value = get(config, key, 1.0)
        is_share = isinstance(value, float) and 0 <= value <= 1
        is_number = isinstance(value, int) and not isinstance(value, bool) and value >= 0
        if not (is_share or is_number):
            yield Problem(key, f"{value} must be a number of batches, or a share from 0.0 to 1.0")


def _trainer(config: Config) -> Iterable[Problem]:
    taken = [key for key in config.get("trainer") or {} if key in TAKEN]
    return [Problem(f"trainer.{key}", f"gpt-exp sets it; write {TAKEN[key]}") for key in taken]


def shape(config: Config, vocab_size: int) -> Any:
    """The model's `Shape`, or None for a family that tells none; ValueError if its sizes make no model."""
    node = config.get("model") or {}
    module, _, family = str(node.get("_target_", "")).rpartition(".")[0].rpartition(".")
    if module != "gpt_exp.model":
        return None
    make = getattr(import_module("gpt_exp.model.shape"), family, None)
    if make is None:
        return None
    arguments = {name: value for name, value in node.items() if name not in META}
    return make(**{**arguments, "vocab_size": arguments.get("vocab_size") or vocab_size})


def num_devices(config: Config) -> int | None:
    """Devices of one node; None where the machine decides at the start."""
    devices = get(config, "trainer.devices", 1)
    if isinstance(devices, list):
        return len(devices)
    if isinstance(devices, str) and "," in devices:
        return len([part for part in devices.split(",") if part.strip()])
    try:
        number = int(devices)
    except (TypeError, ValueError):
        return None
    return number if number > 0 else None


def get(config: Config, key: str, default: Any = None) -> Any:
    """A dotted key's value; the default where it is not there or has a problem of its own."""
    node: Any = config
    for part in key.split("."):
        node = node.get(part, UNKNOWN) if isinstance(node, dict) else UNKNOWN
    return default if node is UNKNOWN or node is None else node


def _bounds(config: Config) -> Iterable[Problem]:
    for key, (least, included) in LEAST.items():
        value = get(config, key)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if number and not (value >= least if included else value > least):
            yield Problem(key, f"{value} must be {'at least' if included else 'above'} {least}")


def _model(config: Config) -> Iterable[Problem]:
    if UNKNOWN in _values(config.get("model")):
        return
    try:
        shape(config, vocab_size=1)
    except ValueError as error:
        yield Problem("model", str(error))
    except TypeError:
        return  # A missing or wrong argument: told with the signatures.


def _batch(config: Config) -> Iterable[Problem]:
    yield from indivisible(config, "batch_size", [get(config, "batch_size")])


def indivisible(config: Config, key: str, batch_sizes: Iterable[Any]) -> Iterable[Problem]:
    """Those of a key's batch sizes that do not fall into equal parts for all devices and micro-batches."""
    devices, nodes = num_devices(config), get(config, "trainer.num_nodes", 1)
    accumulate = get(config, "trainer.accumulate_grad_batches", 1)
    for batch_size in batch_sizes:
        if devices is None or not all(isinstance(n, int) and n >= 1 for n in (batch_size, nodes, accumulate)):
            continue
        parts = devices * nodes * accumulate
        if batch_size % parts:
            below = batch_size // parts * parts
            near = f"{key}={below} or {below + parts}" if below else f"{key}={parts}"
            product = f"{devices} devices x {nodes} nodes x {accumulate} accumulated micro-batches"
            yield Problem(key, f"{batch_size} is not a multiple of {parts} = {product}", "", near)


def _parts(config: Config) -> Iterable[Problem]:
    """What the constructors of the light parts say to their arguments, and they to this machine (`check`)."""
    named = {name: config.get(name) for name in MADE}
    for name, node in {**named, **_nodes(config, "augmentation"), **_sources(config)}.items():
        if not isinstance(node, dict) or UNKNOWN in _values(node):
            continue
        target = str(node.get("_target_", "gpt_exp.corpus.split.Split" if name == "split" else ""))
        if not target.startswith("gpt_exp."):
            continue
        module, _, attribute = target.rpartition(".")
        try:
            arguments = {  # Sources are made by themselves, to be told by their own keys.
                key: made(value) if key != "sources" and is_ours(value) else value
                for key, value in node.items()
                if key not in META
            }
            make = getattr(import_module(module), attribute)
            part = make(0, **arguments) if name == "schedule" else make(**arguments)
            getattr(part, "check", lambda: None)()
        except (ValueError, UserError, OSError) as error:
            if not _missing_paths(name, node):
                yield _told(name, str(error))
        except (TypeError, ImportError, AttributeError):
            continue  # Told with the signatures, or a package that this machine lacks.


def of_data(config: Config) -> Iterable[Problem]:
    """What is wrong with the data alone, of a verb that reads some."""
    return [*_parts(config), *_files(config), *data_nodes.problems(config)]


def _told(name: str, message: str) -> Problem:
    """A constructor may begin with the key that it means, `data.train: no such file`, or with its group."""
    key, _, rest = message.partition(": ")
    if key.startswith(f"{name}.") and " " not in key:
        return Problem(key, rest)
    return Problem(name, rest if key == name.partition(".")[0] else message)


def _files(config: Config) -> Iterable[Problem]:
    for name in PATHS:
        yield from _missing_paths(name, config.get(name))
    for name, node in _sources(config).items():
        yield from _missing_paths(name, node)


def _packages(config: Config) -> Iterable[Problem]:
    named = {"adapter": config.get("adapter"), **_nodes(config, "logger")}
    for name, node in named.items():
        target = str(node.get("_target_", "")) if isinstance(node, dict) else ""
        for place, (package, extra) in EXTRAS.items():
            if target.startswith(place) and find_spec(package) is None:
                yield Problem(name, f"needs pip install 'gpt-exp[{extra}]'")


def _missing_paths(name: str, node: Any) -> list[Problem]:
    found = []
    for key in PATHS.get(name.partition(".")[0], ()) if isinstance(node, dict) else ():
        value = node.get(key)
        for path in value if isinstance(value, list) else [value]:
            if isinstance(path, str) and _looks_local(name, key, path) and not matches(path):
                message = f"{path} matches no file or folder"
                found.append(Problem(f"{name}.{key}", message, "", near_file(path)))
    return found


def _looks_local(name: str, key: str, path: str) -> bool:
    """`data.path` may also be a hub's name (`owner/name`) or a format."""
    if (name.partition(".")[0], key) != ("data", "path"):
        return "://" not in path
    return path.startswith(("/", ".", "~")) and path not in FORMATS


def matches(path: str) -> bool:
    """Whether a path or pattern finds anything."""
    return next(iglob(str(Path(path).expanduser()), recursive=True), None) is not None  # noqa: PTH207


def near_file(path: str) -> str:
    """The file beside a missing one that was probably meant."""
    wanted = Path(path).expanduser()
    if not wanted.parent.is_dir():
        return ""
    near = nearest(wanted.name, [each.name for each in wanted.parent.iterdir()])
    return str(Path(path).parent / near) if near else ""


def _strategy(config: Config) -> Iterable[Problem]:
    strategy = get(config, "trainer.strategy", "auto")
    named = str(strategy.get("_target_", "") if isinstance(strategy, dict) else strategy).lower()
    sharded = "fsdp" in named or "modelparallel" in named
    optimizer = str(get(config, "optimizer._target_", ""))
    if sharded and (optimizer.startswith("gpt_exp.optimizer.muon.") or optimizer == "torch.optim.Muon"):
        yield Problem("optimizer", "Muon needs whole matrices, which fsdp2 splits", "", "optimizer=adamw")
    if get(config, "trainer.accelerator") == "cpu" and named in ("fsdp", "fsdpstrategy"):
        yield Problem("trainer.strategy", "FSDPStrategy refuses the CPU", "", "trainer=fsdp2")


def _parametrization(config: Config) -> Iterable[Problem]:
    optimizer = str(get(config, "optimizer._target_", ""))
    known = optimizer in WIDTH_SCALED or not optimizer.startswith(("torch.", "gpt_exp."))
    if get(config, "model.parametrization") == "maximal_update" and not known:
        name = optimizer.rpartition(".")[2]
        message = f"a maximal-update parametrisation scales adamw and muon, not {name}"
        yield Problem("optimizer", message, "", "optimizer=adamw")


def _name(config: Config) -> Iterable[Problem]:
    name = get(config, "name")
    if isinstance(name, str) and ("/" in name or name in ("", ".", "..", "sweeps")):
        yield Problem("name", f"{name!r} names no folder under outputs/; a plain word does")


def _resume(config: Config) -> Iterable[Problem]:
    resume = get(config, "resume")
    if isinstance(resume, str) and resume != "auto" and not (Path(resume) / "config.yaml").is_file():
        near = "auto" if nearest(resume, ["auto"]) else near_file(resume)
        yield Problem("resume", f"{resume} is no run's folder", "", near and f"resume={near}")


def _sources(config: Config) -> Config:
    """Those of a blend, by dotted key."""
    return {f"data.{key}": node for key, node in _nodes(get(config, "data", {}), "sources").items()}


def _nodes(config: Config, group: str) -> Config:
    """The parts of a group that is a list, by dotted key."""
    nodes = config.get(group)
    return {f"{group}.{name}": node for name, node in nodes.items()} if isinstance(nodes, dict) else {}


def _values(node: Any) -> list[Any]:
    return list(node.values()) if isinstance(node, dict) else []

"""What a verb takes, read from its root config and the names of the options. Imports no Hydra."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import yaml

from gpt_exp.config.location import conf_folder, groups, root_config

EXAMPLES = {
    "train": [
        "experiment=pretrain_demo",
        "experiment=pretrain_demo model=gpt_micro optimizer=muon trainer.max_steps=500",
        "data=text 'data.paths=[~/books/*.txt]' tokenizer=bpe tokenizer.vocab_size=8192",
        "-m experiment=pretrain_demo optimizer=adamw,muon seed=1,2,3",
        "-m experiment=pretrain_demo sweep=tpe 'optimizer.lr=tag(log, interval(1e-4, 1e-2))'",
        "experiment=pretrain_demo resume=auto",
    ],
    "check": [
        "experiment=pretrain_demo",
        "experiment=pretrain_demo model=gpt_micro trainer.max_steps=500",
        "experiment=pretrain_demo trainer=gpu_8",
        "trainer=ddp trainer.devices=4 batch_size=64",
        "-m optimizer=adamw,muon optimizer.lr=1e-3,2e-3",
    ],
    "prepare": [
        "experiment=pretrain_demo",
        "data=standard_library tokenizer=bpe tokenizer.vocab_size=4096",
        "data=text 'data.paths=[~/books/*.txt]' tokenizer=byte",
        "split.val_fraction=0.1 split.test_fraction=0.1",
        "experiment=pretrain_demo paths.cache=/tmp/cache",
    ],
    "evaluate": [
        "run=outputs/pretrain_demo/RUN",
        "run=outputs/pretrain_demo/RUN checkpoint=last",
        "run=outputs/pretrain_demo/RUN 'splits=[train, val, test]'",
        "run=outputs/pretrain_demo/RUN batch_size=8 device=cpu",
        "run=outputs/pretrain_demo/RUN precision=32-true",
        "run=outputs/pretrain_demo/RUN 'lm_eval=[lambada_openai, hellaswag]' shots=5",
        "model=hf model.path=FOLDER 'lm_eval=[my_task]' lm_eval_path=tasks",
    ],
    "generate": [
        "run=outputs/pretrain_demo/RUN",
        "run=outputs/pretrain_demo/RUN prompt='def '",
        "run=outputs/pretrain_demo/RUN prompt='class ' decode.temperature=0.8 decode.top_p=0.95",
        "run=outputs/pretrain_demo/RUN seed=7",
        "run=outputs/pretrain_demo/RUN decode=greedy decode.repetition_penalty=1.2",
        "run=outputs/pretrain_demo/RUN decode=beam decode.num_beams=5 num_samples=3",
    ],
    "export": [
        "run=outputs/pretrain_demo/RUN path=exported",
        "run=outputs/pretrain_demo/RUN path=exported checkpoint=last",
        "run=outputs/pretrain_demo/RUN path=exported checkpoint=step-00000500",
        "run=outputs/pretrain_demo/RUN 'path=\"a folder with blanks\"'",
        "run=outputs/pretrain_demo/RUN path=~/models/demo",
    ],
    "average": [
        "run=outputs/pretrain_demo/RUN",
        "run=outputs/pretrain_demo/RUN last=5",
        "run=outputs/pretrain_demo/RUN 'checkpoints=[step-00000800, step-00001000]' path=outputs/mean",
        "outputs/translation/RUN outputs/translation/OTHER path=outputs/soup",
    ],
    "back_translate": [
        "forward=outputs/en_de/RUN backward=outputs/de_en/RUN path=paraphrases.jsonl",
        "forward=outputs/en_de/RUN backward=outputs/de_en/RUN path=english.jsonl num_paraphrases=3",
        "forward=outputs/de_en/RUN backward=outputs/en_de/RUN path=german.jsonl decode=beam",
        "forward=outputs/A backward=outputs/B path=x.jsonl data=sst2 data.root=PATH field=text",
    ],
    "pseudo_label": [
        "run=outputs/sentiment/RUN data=jsonl data.train=unlabelled.jsonl path=labelled.jsonl",
        "run=outputs/sentiment/RUN data=sst2 data.root=PATH confidence=0.95 balanced=true",
        "run=outputs/sentiment/RUN data=sst2 data.root=PATH confidence=0 top=500",
        "run=outputs/translation/RUN data=jsonl data.train=english.jsonl confidence=0.7 decode=beam",
    ],
    "report": ["run=outputs/pretrain_demo/RUN"],
    "sweep": [
        "status outputs/sweeps/pretrain_demo/SWEEP",
        "leaderboard outputs/sweeps/pretrain_demo/SWEEP format=csv",
        "report outputs/sweeps/pretrain_demo/SWEEP png=true",
        "retry outputs/sweeps/pretrain_demo/SWEEP",
        "resume outputs/sweeps/pretrain_demo/SWEEP",
    ],
    "stages": [
        "outputs/staged_summarization",
        "outputs/staged_summarization/RUN",
        "outputs/sweeps/staged_summarization/SWEEP",
    ],
    "compare": [
        "outputs/pretrain_demo/RUN outputs/pretrain_demo/OTHER",
        "outputs/sweeps/pretrain_demo/SWEEP",
        "outputs/pretrain_demo/RUN outputs/pretrain_demo/OTHER page=null",
    ],
    "scaling": [
        "outputs/sweeps/scaling/SWEEP",
        "outputs/sweeps/scaling/SWEEP outputs/scaling/LARGE holdout=largest",
        "outputs/sweeps/scaling/SWEEP 'flops=[1e15, 1e18]'",
    ],
    "interference": [
        "outputs/sweeps/multi_task_embedded/SWEEP",
        "outputs/multi_task_embedded/RUN outputs/multi_task_embedded/ALONE outputs/multi_task_embedded/OTHER",
        "outputs/sweeps/multi_task_embedded/SWEEP page=interference.html",
    ],
    "dashboard": ["", "outputs=/shared/outputs port=8000", "ui=tensorboard", "ui=optuna"],
}
FLAGS = (
    "Hydra's flags: --cfg job prints the config, -m sweeps over values a,b, --config-dir FOLDER adds your own"
)


def help_of(verb: str, line: str) -> str:
    """Groups with their options, keys with their defaults, examples, flags."""
    defaults = defaults_of(verb)
    parts = [f"gpt-exp {verb}: {line}"]
    if defaults:
        rows = [_row(group, options, defaults) for group, options in groups().items() if group in defaults]
        parts.append("Groups, as in model=gpt_nano (* chosen by default):\n" + "\n".join(rows))
    also = ", and every key of a chosen option" * bool(defaults)
    parts.append(f"Keys, as in key=value{also}:\n{_keys(_root(verb).read_text())}")
    parts.append("Examples:\n" + "\n".join(f"  gpt-exp {verb} {example}" for example in EXAMPLES[verb]))
    return "\n\n".join([*parts, FLAGS])


@cache
def defaults_of(verb: str) -> dict[str, list[str]]:
    """The groups that a verb reads, each with the options chosen by default."""
    found = _chosen_in(_root(verb))
    for group, options in list(found.items()):  # Groups in groups: sweep/pruner.
        for option in options:
            found |= _chosen_in(conf_folder() / group / f"{option}.yaml", f"{group}/")
    return found


def _chosen_in(file: Path, prefix: str = "") -> dict[str, list[str]]:
    """What a file's defaults list chooses of groups beside or below it."""
    text = file.read_text() if file.is_file() else ""
    entries = [entry for entry in (yaml.safe_load(text) or {}).get("defaults", []) if isinstance(entry, dict)]
    pairs = [(group, option) for entry in entries for group, option in entry.items()]
    return {
        prefix + group: option if isinstance(option, list) else [str(option)]
        for group, option in pairs
        if not group.startswith("override ")
    }


def _root(verb: str) -> Path:
    return conf_folder() / f"{root_config(verb)}.yaml"


def _row(group: str, options: list[str], defaults: dict[str, list[str]]) -> str:
    shown = [f"{name}*" if name in defaults[group] else name for name in options if not name.startswith("_")]
    return _wrapped(f"  {group:13}", shown)


def _wrapped(head: str, words: list[str], width: int = 100) -> str:
    lines, line = [], head
    for word in words:
        if len(line) + len(word) + 1 > width:
            lines.append(line.rstrip())
            line = " " * len(head)
        line += f"{word} "
    return "\n".join([*lines, line.rstrip()])


def _keys(text: str) -> str:
    """The root config as written, but for its head, its defaults list and Hydra's own node."""
    kept, skip = [], True
    for line in text.splitlines():
        if line and not line[0].isspace():
            skip = line.startswith(("defaults:", "hydra:", "#", "- "))
        if line.strip() and not skip:
            kept.append(f"  {line}")
    return "\n".join(kept)

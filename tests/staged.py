"""Tiny experiments: of four stages that train, and of six with several tasks, made data, an evaluation."""

from pathlib import Path

from gpt_exp.config.jobs import composed

TEXT = Path(__file__).parent / "assets/public_domain.txt"
SHORTLY = """\
callback: [checkpoint]
callback.checkpoint.every_n_steps: 2
logger: none
trainer:
  precision: 32-true
  max_steps: 10
  val_check_interval: 5
  log_every_n_steps: 1
"""
STAGED = f"""\
# @package _global_
name: staged
data: text
data.paths: [{TEXT}]
split: {{val_fraction: 0.1, test_fraction: 0.1, by: tail}}
batch_size: 4
{SHORTLY}stages:
  first:
    tokenizer: byte
    model:
      num_layers: 1
      num_heads: 2
      embedding_dim: 16
      context_length: 16
  second:
    model: run
    init.run: stage:first
    optimizer.lr: 1e-3
  side:
    model: {{num_layers: 1, num_heads: 2, embedding_dim: 16, context_length: 16}}
    tokenizer: file
    tokenizer.path: stage:first/tokenizer
  third:
    model: run
    init.run: stage:second
    model.dropout: 0.1
    trainer.max_steps: 6
"""

PAIRS = Path(__file__).parent / "assets/pairs.tsv"
OF_VERBS = f"""\
# @package _global_
name: staged
data: tsv
data.train: {PAIRS}
split: {{val_fraction: 0.2, test_fraction: 0.1, by: auto}}
batch_size: 8
{SHORTLY}stages:
  pretrain:
    tokenizer: byte
    model: {{num_layers: 1, num_heads: 2, embedding_dim: 16, context_length: 64}}
  multi:
    experiment: tiny_several
    model: run
    init.run: stage:pretrain
  tune:
    experiment: tiny_translation
    model: run
    init.run: stage:multi
  said:
    verb: back_translate
    forward: stage:tune
    backward: stage:tune
    decode: greedy
    path: said.jsonl
  augmented:
    experiment: tiny_translation
    model: run
    init.run: stage:tune
    augmentation: [back_translation]
    augmentation.back_translation.path: stage:said/said.jsonl
  judge:
    verb: evaluate
    run: stage:augmented
    splits: [test]
"""
PARTS = {
    "tiny_several": f"""\
# @package _global_
defaults:
  - /task@tasks.there.task: translation
  - /data@tasks.there.data: tsv
  - /task@tasks.back.task: translation
  - /data@tasks.back.data: tsv
  - override /module: multi_task
  - _self_
module: {{num_predicted: 4}}
tasks:
  there:
    task: {{max_new_tokens: 4}}
    data: {{train: {PAIRS}}}
  back:
    task: {{max_new_tokens: 4, template: "{{source}} <="}}
    data: {{train: {PAIRS}, fields: {{source: target, target: source}}}}
""",
    "tiny_translation": """\
# @package _global_
defaults:
  - override /task: translation
  - override /module: fine_tuning
  - _self_
task: {max_new_tokens: 4}
module: {num_predicted: 4}
""",
}


def write_experiment(conf: Path, text: str = STAGED) -> None:
    (conf / "experiment").mkdir(parents=True, exist_ok=True)
    for name, content in {**PARTS, "staged": text}.items():
        (conf / f"experiment/{name}.yaml").write_text(content)


def composed_last(folder: Path, *overrides: str, experiment: str = "staged", config_dir: str | None = "conf"):
    """The last stage's checked job, with all of them."""
    conf = None if config_dir is None else str(folder / config_dir)
    given = {each.partition("=")[0] for each in overrides}
    paths = [] if "paths.outputs" in given else [f"paths.outputs={folder / 'outputs'}"]
    composed.cache_clear()
    return composed("train", (f"experiment={experiment}", *paths, *overrides), conf, "train")


def planned(folder: Path, *overrides: str, **known):
    """By name."""
    return {stage.name: stage for stage in composed_last(folder, *overrides, **known).stages}

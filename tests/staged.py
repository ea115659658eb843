"""A tiny experiment of four stages: a chain of three, and one beside it that takes a tokenizer alone."""

from pathlib import Path

from gpt_exp.config.jobs import composed

TEXT = Path(__file__).parent / "assets/public_domain.txt"
STAGED = f"""\
# @package _global_
name: staged
data: text
data.paths: [{TEXT}]
split: {{val_fraction: 0.1, test_fraction: 0.1, by: tail}}
batch_size: 4
callback: [checkpoint]
callback.checkpoint.every_n_steps: 2
logger: none
trainer:
  precision: 32-true
  max_steps: 10
  val_check_interval: 5
  log_every_n_steps: 1
stages:
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


def write_experiment(conf: Path, text: str = STAGED) -> None:
    (conf / "experiment").mkdir(parents=True, exist_ok=True)
    (conf / "experiment/staged.yaml").write_text(text)


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

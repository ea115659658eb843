"""gpt-exp export: a run's model and tokenizer in Hugging Face's layout, with a card that tells of the run."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig
from rich.console import Console

from gpt_exp.adapter.per_task import has_several
from gpt_exp.experiment.model import LoadedRun, load_run
from gpt_exp.experiment.several_tasks import of_one_task
from gpt_exp.model.hugging_face import HEADS_FILE, save_pretrained
from gpt_exp.page.model_card import Exported, model_card
from gpt_exp.run.durable import write_file
from gpt_exp.run.folder import RunFolder


def main(config: DictConfig, overrides: list[str]) -> None:
    """Write the folder that AutoModelForCausalLM and AutoTokenizer open; adapters are merged."""
    run = load_run(config.run, config.checkpoint, merged=True)
    if config.of or has_several(run.model):
        run = one_task(run, config.of)
    folder = Path(config.path).expanduser()
    save_pretrained(run.model, folder, run.tokenizer, max_shard_bytes=config.max_shard_bytes)
    own, checkpoint = RunFolder.open(config.run), config.checkpoint
    exported = Exported(
        checkpoint=own.resolve(checkpoint).name,
        is_best=own.resolve(checkpoint) == own.resolve("best"),
        num_parameters=run.model.shape.num_parameters,
        heads=HEADS_FILE if (folder / HEADS_FILE).exists() else None,
    )
    write_file(folder / "README.md", model_card(own, exported))
    Console().print(f"[bold]{folder}[/bold]: AutoModelForCausalLM.from_pretrained({str(folder)!r}) opens it")


def one_task(run: LoadedRun, of: str | None) -> LoadedRun:
    """The run as a model of this task alone, in place: with its adapter, and its heads by their own names."""
    view = of_one_task(run, of, merged=True)
    run.model.heads = view.model.heads
    return view._replace(model=run.model)

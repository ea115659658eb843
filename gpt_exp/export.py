"""gpt-exp export: a run's model and tokenizer in Hugging Face's layout, with a card that tells of the run."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig
from rich.console import Console

from gpt_exp.experiment import load_run
from gpt_exp.model.hugging_face import HEADS_FILE, save_pretrained
from gpt_exp.page.model_card import Exported, model_card
from gpt_exp.run.durable import write_file
from gpt_exp.run.folder import RunFolder


def main(config: DictConfig, overrides: list[str]) -> None:
    """Write the folder that AutoModelForCausalLM and AutoTokenizer open; adapters are merged."""
    run = load_run(config.run, config.checkpoint, merged=True)
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

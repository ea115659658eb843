"""gpt-exp export: a run's model and tokenizer in Hugging Face's layout."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig
from rich.console import Console

from gpt_exp.experiment import load_run
from gpt_exp.model.hugging_face import save_pretrained


def main(config: DictConfig, overrides: list[str]) -> None:
    """Write the folder that AutoModelForCausalLM and AutoTokenizer open."""
    run = load_run(config.run, config.checkpoint)
    folder = Path(config.path).expanduser()
    save_pretrained(run.model, folder, run.tokenizer, max_shard_bytes=config.max_shard_bytes)
    Console().print(f"[bold]{folder}[/bold]: AutoModelForCausalLM.from_pretrained({str(folder)!r}) opens it")

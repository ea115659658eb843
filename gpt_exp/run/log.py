"""Where a job's messages go: all of them to its log file, the user's own to the terminal."""

from __future__ import annotations

import logging
from pathlib import Path

from rich.console import Console
from rich.logging import RichHandler

LIBRARIES = ("lightning", "lightning.pytorch", "lightning.fabric", "py.warnings")


def log_to(path: Path) -> None:
    """Append every record, and Python's warnings, to `path`; on stderr show ours and others' errors."""
    logging.captureWarnings(True)
    for name in LIBRARIES:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    file = logging.FileHandler(path)
    file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    terminal = RichHandler(console=Console(stderr=True), show_path=False, show_time=False)
    terminal.addFilter(lambda record: record.name.startswith("gpt_exp") or record.levelno >= logging.ERROR)
    logging.basicConfig(level=logging.INFO, handlers=[file, terminal], force=True)

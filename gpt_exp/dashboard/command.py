"""gpt-exp dashboard: a local web page over all runs and sweeps, live while they go on."""

from __future__ import annotations

import socket
from pathlib import Path
from threading import Thread

from omegaconf import DictConfig, OmegaConf

from gpt_exp.config.nearest import meant
from gpt_exp.dashboard import guard
from gpt_exp.errors import UserError

INTERFACES = ("runs", "tensorboard", "trackio", "optuna")


def main(config: DictConfig, overrides: list[str]) -> None:
    """Serve until Ctrl-C."""
    check(config)
    if not guard.is_loopback(config.host):
        print(f"warning: host={config.host}: no password; whoever reaches it sees all runs and can stop them")
    if config.ui == "runs":
        serve_runs(config)
    else:
        from gpt_exp.dashboard.other_ui import Place, open_other

        outputs = Path(config.outputs).expanduser()
        place = Place(
            outputs, config.host, config.port, config.refresh, lambda url: ready(config, url), config.allow
        )
        open_other(config.ui, place)
    print("dashboard: stopped")


def check(config: DictConfig) -> None:
    """Raise UserError, a line, for what can't be served."""
    if config.ui not in INTERFACES:
        hint = meant(str(config.ui), INTERFACES, "ui=")
        raise UserError(f"ui={config.ui}: there is {', '.join(INTERFACES)}{hint}")
    for key in ("outputs", "host", "metric"):
        if not isinstance(config[key], str) or not config[key]:
            raise UserError(f"{key}={config[key]}: a word, as in gpt-exp dashboard --help")
    if not OmegaConf.is_list(config.allow) or not all(isinstance(name, str) for name in config.allow):
        raise UserError(f"allow={config.allow}: a list of names, such as [{socket.gethostname()}]")
    check_outputs(Path(config.outputs).expanduser())
    if not isinstance(config.port, int) or not 0 <= config.port < 65536:
        raise UserError(f"port={config.port}: a number from 0 (any that is free) to 65535")
    if not isinstance(config.refresh, int) or config.refresh < 1:
        raise UserError(f"refresh={config.refresh}: whole seconds, at least 1")
    if config.open not in (True, False, "auto"):
        raise UserError(f"open={config.open}: true, false or auto")
    if config.direction not in ("auto", "minimize", "maximize"):
        raise UserError(f"direction={config.direction}: auto, minimize or maximize")


def check_outputs(outputs: Path) -> None:
    """Raise UserError, a line, for what holds no runs in folders of its own."""
    if not outputs.is_dir():
        raise UserError(f"outputs={outputs}: no such folder")
    if (outputs / "config.yaml").is_file():
        raise UserError(
            f"outputs={outputs} is one run; give the folder that holds runs, such as {outputs.parent}"
        )
    if (outputs / "sweep.json").is_file():
        raise UserError(
            f"outputs={outputs} is one sweep; give the folder that holds runs, such as {outputs.parents[2]}"
        )


def serve_runs(config: DictConfig) -> None:
    """Our own pages."""
    from gpt_exp.dashboard.index import Outputs
    from gpt_exp.sweep.folder import Objective

    objective = Objective(config.metric, direction(config))
    outputs = Outputs(str(Path(config.outputs).expanduser()), objective, fresh_seconds=config.refresh / 2)
    Thread(target=outputs.index, daemon=True).start()  # Known by the time that somebody asks.

    from gpt_exp.dashboard.app import make_app
    from gpt_exp.dashboard.server import address, listen, serve

    app = make_app(outputs, refresh=config.refresh, names=guard.Names(config.host, config.allow))
    listening = listen(config.host, config.port)
    ready(config, address(listening))
    serve(app, listening)


def direction(config: DictConfig) -> str:
    """Where the metric should go; by its name, where it tells."""
    from gpt_exp.run.better import better

    if config.direction != "auto":
        return config.direction
    return "maximize" if better(config.metric) == "max" else "minimize"


def ready(config: DictConfig, url: str) -> None:
    """Tell where the pages are."""
    from gpt_exp.dashboard.server import open_browser

    if config.port and not url.endswith(f":{config.port}"):
        print(f"port {config.port} is taken")
    print(f"dashboard: {url}  (Ctrl-C stops it)", flush=True)
    open_browser(url, config.open)

"""How fast is the dashboard's first page over many runs, and what does it cost to leave it open?

    python benchmarks/dashboard.py --runs 500 --seconds 60

Makes run folders as training leaves them, starts the server as `gpt-exp dashboard` does, and asks for pages
as open browser windows do: each every few seconds, saying what it has already. Meanwhile one run goes on.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import psutil
from omegaconf import OmegaConf

from gpt_exp.config.compose import compose
from gpt_exp.run import lines, lock
from gpt_exp.run.environment import environment

NUM_LINES = 200  # Of metrics.jsonl in a run.
STEPS_A_LINE = 10
VALIDATION_EVERY = 10  # Lines.
MOST_SECONDS, MOST_SHARE = 1.0, 0.05  # For the first page; of a core, for one open window. Else exit code 1.
REFRESH = 5  # Seconds between two requests of a window.


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=60, help="of polling, for each number of windows")
    parser.add_argument("--windows", type=int, nargs="+", default=[1, 3])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        outputs = Path(folder) / "outputs"
        live = make_runs(outputs, arguments.runs)
        with lock.hold(live, "trains in it"), server(outputs) as (address, process, started):
            seconds = first_page(address, started)
            stop = threading.Event()
            threading.Thread(target=train, args=(live, stop), daemon=True).start()
            shares = [poll(address, process, number, arguments.seconds) for number in arguments.windows]
            stop.set()
    sys.exit(1 if seconds > MOST_SECONDS or shares[0] > MOST_SHARE else 0)


def first_page(address: str, started: float) -> float:
    """The time to the first page, after the server's start and from it."""
    asked = time.perf_counter()
    size = len(httpx.get(address, timeout=60).raise_for_status().content)
    now = time.perf_counter()
    print(f"first page: {now - asked:.2f} s ({now - started:.2f} s from the command on), {size / 1e3:.0f} kB")
    again = time.perf_counter()
    httpx.get(address, timeout=60).raise_for_status()
    print(f"second page: {time.perf_counter() - again:.3f} s")
    return now - asked


def poll(address: str, process: psutil.Process, num_windows: int, seconds: float) -> float:
    """Ask as open windows do, and tell the share of a core that the server took."""
    stop = threading.Event()
    answers: list[int] = []
    windows = [
        threading.Thread(target=window, args=(address, i * REFRESH / num_windows, stop, answers))
        for i in range(num_windows)
    ]
    spent, began = cpu_seconds(process), time.perf_counter()
    for thread in windows:
        thread.start()
    time.sleep(seconds)
    stop.set()
    for thread in windows:
        thread.join()
    share = (cpu_seconds(process) - spent) / (time.perf_counter() - began)
    told = f"{len(answers)} requests, {answers.count(200)} answered anew"
    print(f"{num_windows} open pages: {100 * share:.2f} % of a core ({told})")
    return share


def window(address: str, delay: float, stop: threading.Event, answers: list[int]) -> None:
    tag = ""
    with httpx.Client(timeout=60) as client:
        while not stop.wait(delay):
            answer = client.get(address, headers={"If-None-Match": tag, "Accept-Encoding": "gzip"})
            tag, delay = answer.headers.get("ETag", tag), REFRESH
            answers.append(answer.status_code)


def cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


@contextmanager
def server(outputs: Path) -> Iterator[tuple[str, psutil.Process, float]]:
    """Its address, its process, and when it was started."""
    started = time.perf_counter()
    command = [
        sys.executable,
        "-m",
        "gpt_exp",
        "dashboard",
        f"outputs={outputs}",
        "port=0",
        f"refresh={REFRESH}",
    ]
    process = subprocess.Popen([*command, "open=false"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        found = re.search(r"http://\S+", said)
        assert found, said
        yield found[0], psutil.Process(process.pid), started
    finally:
        process.terminate()
        process.wait()


def make_runs(outputs: Path, number: int) -> Path:
    """Finished runs of a few names, and one that goes on, whose folder is returned."""
    text = OmegaConf.to_yaml(compose("train", ["experiment=pretrain_demo"]), resolve=True)
    around, now = environment(), datetime.now(UTC)
    for i in range(number):
        began = now - timedelta(minutes=7 * (number - i))
        folder = outputs / f"experiment_{i % 12}" / began.strftime("%Y-%m-%d_%H-%M-%S")
        folder.mkdir(parents=True)
        (folder / "environment.json").write_text(json.dumps({**around, "created": began.isoformat()}))
        settings = [
            f"optimizer.lr={random.uniform(1e-4, 1e-2):.5f}",
            f"seed={i % 5}",
            "trainer.max_steps=2000",
        ]
        (folder / "overrides.yaml").write_text(OmegaConf.to_yaml(["experiment=pretrain_demo", *settings]))
        (folder / "config.yaml").write_text(text)
        is_live = i == number - 1
        for line in range(1, NUM_LINES // (2 if is_live else 1)):
            log(folder, line)
        step = line * STEPS_A_LINE
        status = {"state": "running" if is_live else "finished", "step": step, "max_steps": 20 * NUM_LINES}
        (folder / "status.json").write_text(json.dumps({**status, "updated": now.isoformat()}))
        if not is_live:
            results = {"step": step, "seconds": 0.5 * step, "val": {"loss": 2.0, "bits_per_byte": 1.1}}
            (folder / "results.json").write_text(json.dumps(results))
    return folder


def log(folder: Path, line: int) -> None:
    """What a run appends at one step."""
    step = line * STEPS_A_LINE
    loss = 2 + 4 * math.exp(-step / 300) + random.gauss(0, 0.02)
    metrics = {"train/loss": loss, "lr": 1e-3, "gradient_norm": random.uniform(0.3, 1), "tokens": 2048 * step}
    lines.append(folder / "metrics.jsonl", {"step": step, **metrics})
    if line % VALIDATION_EVERY == 0:
        validation = {
            "val/loss": loss + 0.05,
            "val/perplexity": math.exp(loss),
            "val/bits_per_byte": loss / 2,
        }
        lines.append(folder / "metrics.jsonl", {"step": step, **validation})
    speed = {"speed/tokens_per_second": random.gauss(6e4, 2e3), "speed/elapsed_seconds": 0.5 * step}
    lines.append(folder / "speed.jsonl", {"step": step, **speed, "speed/mfu": 0.4})


def train(folder: Path, stop: threading.Event) -> None:
    """A run that logs every second."""
    line = NUM_LINES // 2
    while not stop.wait(1):
        log(folder, line)
        line += 1


if __name__ == "__main__":
    main()

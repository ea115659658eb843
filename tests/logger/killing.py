"""A job as a process of its own, and its end by SIGKILL."""

import os
import signal
import subprocess
import sys
from time import monotonic, sleep

from gpt_exp.run.lines import read


def killed_at(folder, step):
    """Train until a step is logged, or to the end; gives the exit code."""
    command = [sys.executable, "-m", "gpt_exp.job", str(folder.path)]
    job = subprocess.Popen(command, env=os.environ | {"OMP_NUM_THREADS": "1"}, stdout=subprocess.DEVNULL)
    give_up = monotonic() + 200
    while job.poll() is None and monotonic() < give_up:
        if step is not None and len(read(folder.metrics)) > step:
            job.send_signal(signal.SIGKILL)
        sleep(0.02)
    return job.wait(timeout=10)

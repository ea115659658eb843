"""One signal is a wish, two are an order; data workers serve on until their parent ends them."""

import os
import signal
import subprocess
import sys
import time

import pytest

from gpt_exp.callback.stop_signal import REPEAT_SECONDS, StopSignal

LISTENER = """
import os, signal, sys, time
from gpt_exp.callback.stop_signal import StopSignal
stop = StopSignal()
stop.listen()
print("ready", flush=True)
while stop.received is None:
    time.sleep(0.01)
print(stop.received.name, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_the_second_signal_ends_the_process(first):
    process = subprocess.Popen([sys.executable, "-c", LISTENER], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    process.send_signal(first)
    assert process.stdout.readline() == f"{first.name}\n"
    process.send_signal(signal.SIGTERM)
    time.sleep(REPEAT_SECONDS)
    assert process.poll() is None  # At once, it was the same wish again.
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=10) == -signal.SIGTERM
    process.stdout.close()


def test_a_forked_worker_outlives_ctrl_c_and_dies_when_ended():
    stop = StopSignal()
    stop.listen()
    worker = os.fork()
    if worker == 0:
        time.sleep(60)
        os._exit(0)
    os.kill(worker, signal.SIGINT)
    time.sleep(0.2)
    assert os.waitpid(worker, os.WNOHANG) == (0, 0)
    os.kill(worker, signal.SIGTERM)
    assert os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1]) == -signal.SIGTERM
    assert stop.received is None
    stop.release()


def test_the_signals_go_back_to_whoever_had_them():
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)}
    stop = StopSignal()
    stop.listen()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # As Lightning does.
    stop.listen()
    assert signal.getsignal(signal.SIGTERM) == stop._handle
    stop.release()
    assert {number: signal.getsignal(number) for number in before} == before

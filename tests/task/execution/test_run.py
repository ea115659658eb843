"""A candidate passes only where its tests ran to their end, and does no harm by mistake."""

import inspect
import os
import shutil
import sys
import textwrap
import time
from contextlib import suppress
from pathlib import Path

import pytest

import gpt_exp.task.execution.run as execution
from gpt_exp.task.execution.run import Job, Limits, run, run_all

LIMITS = Limits(seconds=1, megabytes=256)
TESTS = "assert solve() == 1"


def outcome(program: str, tests: str = TESTS) -> str:
    return run(Job(program, tests), LIMITS)


def test_a_program_is_judged_by_its_tests():
    right, wrong = Job("def solve(): return 1", TESTS), Job("def solve(): return 2", TESTS)
    broken = Job("def solve( return 1", TESTS)
    assert run_all([right, wrong, broken], LIMITS) == ["passed", "failed", "failed"]


@pytest.mark.parametrize(
    "program",
    [
        "import sys; sys.exit(0)",
        "import os; os._exit(0)",
        "def solve(): raise SystemExit(0)",
        "import os\ndef solve(): os._exit(0)",
        "def solve():\n    print('passed')\n    return 2",
        "import os\nfor number in range(3, 20):\n    try: os.write(number, b'passed')\n"
        "    except OSError: pass\n"
        "os._exit(0)",
    ],
)
def test_to_leave_before_the_tests_end_is_not_to_pass(program):
    assert outcome(program) == "failed"


def test_what_uses_up_its_time_is_ended():
    assert outcome("while True: pass") == "timeout"


def test_what_sleeps_is_ended(monkeypatch):
    monkeypatch.setattr(execution, "WAITING", 0)
    began = time.perf_counter()
    assert outcome("import time; time.sleep(60)") == "timeout"
    assert time.perf_counter() - began < 30


def test_memory_is_bounded():
    assert outcome("held = []\nwhile True: held.append(bytearray(10**7))") == "memory"


REFUSED = """
import os, socket, _socket, subprocess, sys
def refused(call, *arguments):
    try:
        call(*arguments)
    except PermissionError:
        return True
    return False
def solve():
    return int(all([{calls}]))
"""


@pytest.mark.parametrize(
    "calls",
    [
        "refused(socket.socket), refused(_socket.socket), refused(socket.create_connection, ('::1', 9))",
        "refused(os.fork), refused(subprocess.run, ['true']), refused(os.system, 'true')",
        "refused(os.execv, sys.executable, ['python']), refused(os.kill, os.getppid(), 9)",
    ],
)
def test_sockets_and_processes_are_refused(calls):
    assert outcome(REFUSED.format(calls=calls)) == "passed"


def test_a_fork_bomb_ends_with_all_of_its_processes(monkeypatch):
    groups, end = [], execution._kill_group
    monkeypatch.setattr(execution, "_kill_group", lambda group: (groups.append(group), end(group)))
    assert outcome("import os\nwhile True:\n    try: os.fork()\n    except OSError: pass") == "timeout"
    with pytest.raises(ProcessLookupError):
        os.killpg(groups[0], 0)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent has ended")
def test_what_leaves_the_group_ends_too(tmp_path, monkeypatch):
    monkeypatch.setattr(execution, "WAITING", 0)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert outcome("import os, time\nos.setsid()\ntime.sleep(60)") == "timeout"
    time.sleep(0.5)
    assert not processes_in(tmp_path)


def processes_in(folder):
    """Those that work in it, also where it has been removed."""
    found = []
    for link in Path("/proc").glob("[0-9]*/cwd"):
        with suppress(OSError):  # It has ended meanwhile.
            if str(link.readlink()).startswith(str(folder)):
                found.append(link)
    return found


def test_temporary_files_are_in_the_folder():
    program = "import tempfile\ndef solve(): return tempfile.NamedTemporaryFile('w').write('x')"
    assert outcome(program) == "passed"


def test_files_can_be_written_in_the_folder_alone(tmp_path):
    kept = tmp_path / "kept.txt"
    kept.write_text("as it was")
    inside = "open('own.txt', 'w').write('x')\ndef solve(): return len(open('own.txt').read())"
    assert outcome(inside) == "passed"
    path = repr(str(kept))
    database = f"__import__('sqlite3').connect({str(tmp_path / 'new.db')!r}).execute('create table a (b)')"
    for change in (database, f"open({path}, 'w')", f"os.remove({path})", f"os.rename({path}, 'a')"):
        assert outcome(f"import os\ndef solve():\n    {change}\n    return 1") == "failed"
    assert kept.read_text() == "as it was" and list(tmp_path.iterdir()) == [kept]


def test_the_folder_is_removed_and_its_files_are_small(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert outcome("open('large', 'wb').write(bytes(10**7))\ndef solve(): return 1") == "failed"
    assert outcome("open('small', 'wb').write(bytes(10))\ndef solve(): return 1") == "passed"
    assert not list(tmp_path.iterdir())


def test_there_is_no_input_and_no_environment(monkeypatch):
    monkeypatch.setenv("SECRET", "hidden")
    program = "import os, sys\ndef solve(): return int(not sys.stdin.read() and 'SECRET' not in os.environ)"
    assert outcome(program) == "passed"
    assert outcome("def solve(): return input()") == "failed"


def test_examples_of_a_library_function_are_run_on_the_candidate():
    docstring = inspect.getdoc(textwrap.shorten)
    own = inspect.getsource(textwrap.shorten).replace(textwrap.shorten.__doc__, "")
    wrong = "def shorten(text, width, **kwargs):\n    return text"
    jobs = [Job(program, docstring, module="textwrap", name="shorten") for program in (own, wrong)]
    assert run_all(jobs, LIMITS) == ["passed", "failed"]


def test_python_is_not_asked_to_be_on_the_path(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert shutil.which("python") is None
    assert outcome("def solve(): return 1") == "passed"


@pytest.mark.parametrize("limits", [Limits(seconds=0), Limits(megabytes=8)])
def test_limits_below_what_python_needs_are_told(limits):
    with pytest.raises(ValueError, match=r"task\.tests\.\w+=\d+ must be at least"):
        limits.checked()

"""A script that runs one candidate with its tests: `run.py` starts it in a process of its own.

It reads a job in JSON from stdin and writes the outcome to the file descriptor that its argument names. It
imports the standard library alone, as it runs without site-packages.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

MEGABYTE = 2**20
NEW_USER, NEW_PID, NEW_NETWORK = 0x10000000, 0x20000000, 0x40000000  # linux/sched.h
PARENT_DEATH_SIGNAL = 1  # linux/prctl.h
PROCESSES, OPEN_FILES, FILE_MEGABYTES = 16, 64, 1
DENIED = (
    "socket.",
    "subprocess.",
    "ctypes.",
    "os.exec",
    "os.fork",
    "os.posix_spawn",
    "os.spawn",
    "os.system",
    "os.kill",
    "pty.",
)
CHANGES = (
    "os.chmod",
    "os.chown",
    "os.link",
    "os.mkdir",
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.symlink",
    "os.truncate",
    "shutil.",
    "sqlite3.connect",
)
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# What the process needs after the guard stands would be refused if it were first found then.
EARLY = ("codecs", "encodings.ascii", "encodings.latin_1", "encodings.utf_8", "traceback", "linecache")


def main() -> None:
    job, report = json.load(sys.stdin), int(sys.argv[1])
    discard_streams()
    end_with_parent = isolate()
    if child := os.fork():  # The first process of the new namespace: with it the kernel ends all others.
        pass_on(child)
    end_with_parent()
    limit(job["seconds"], job["megabytes"])
    guard(os.path.realpath(os.curdir))
    outcome = attempt(job)
    os.write(report, f"{job['secret']} {outcome}".encode())
    os._exit(0)  # No exit handler of the candidate's, and no thread, goes on.


def discard_streams() -> None:
    """Nothing can be read, and what is written is lost."""
    null = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(null, stream)
    os.close(null)


def isolate() -> Callable[[], object]:
    """No network, and processes that end together, where the kernel gives namespaces to anyone.

    Returns what has a child end with this process, also where it has left the group that `run.py` kills.
    """
    if sys.platform != "linux":
        return lambda: None
    import ctypes

    kernel = ctypes.CDLL(None)
    if kernel.unshare(NEW_USER | NEW_PID | NEW_NETWORK) != 0:
        kernel.unshare(NEW_USER | NEW_NETWORK)
    return lambda: kernel.prctl(PARENT_DEATH_SIGNAL, signal.SIGKILL)


def pass_on(child: int) -> None:
    """Wait, and end as the child ended."""
    _, status = os.waitpid(child, 0)
    os._exit(128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status))


def limit(seconds: int, megabytes: int) -> None:
    """Bounds that the kernel keeps; of processes none for the superuser."""
    bounds = {
        resource.RLIMIT_CPU: (seconds, seconds + 1),
        resource.RLIMIT_AS: (megabytes * MEGABYTE,) * 2,
        resource.RLIMIT_FSIZE: (FILE_MEGABYTES * MEGABYTE,) * 2,
        resource.RLIMIT_NOFILE: (OPEN_FILES,) * 2,
        resource.RLIMIT_NPROC: (PROCESSES,) * 2,
        resource.RLIMIT_CORE: (0, 0),
    }
    for kind, bound in bounds.items():
        _, hard = resource.getrlimit(kind)
        allowed = [value if hard == resource.RLIM_INFINITY else min(value, hard) for value in bound]
        resource.setrlimit(kind, (allowed[0], allowed[1]))


def guard(folder: str) -> None:
    """Refuse sockets, other processes, and changes of files outside the folder: hooks can't be removed."""
    for name in EARLY:
        import_module(name)
    inside = folder + os.sep

    def check(event: str, arguments: tuple[Any, ...]) -> None:
        if event.startswith(DENIED):
            raise PermissionError(f"a candidate may not do this: {event}")
        changes = _writes(arguments) if event == "open" else event.startswith(CHANGES)
        if changes and any(_is_outside(path, inside) for path in arguments):
            raise PermissionError(f"a candidate may not change files outside its folder: {event}")

    sys.addaudithook(check)


def _writes(arguments: tuple[Any, ...]) -> bool:
    flags = arguments[2]
    return isinstance(flags, int) and bool(flags & WRITING)


def _is_outside(path: Any, inside: str) -> bool:
    if not isinstance(path, str | bytes | os.PathLike):
        return False
    where = os.fsdecode(path)
    return where != os.devnull and not (os.path.realpath(where) + os.sep).startswith(inside)


def attempt(job: dict[str, Any]) -> str:
    """What becomes of the candidate: "passed", "memory", or "failed" with the kind of error."""
    try:
        (run_examples if job["module"] else run_tests)(job)
    except MemoryError:
        return "memory"
    except BaseException as error:  # SystemExit, too: to leave is not to pass.
        return f"failed {type(error).__name__}"
    return "passed"


def run_tests(job: dict[str, Any]) -> None:
    """The program, then the tests in the same namespace; what they raise tells that they failed."""
    namespace = {"__name__": "candidate"}
    exec(compile(job["program"], "candidate", "exec"), namespace)
    exec(compile(job["tests"], "tests", "exec"), namespace)


def run_examples(job: dict[str, Any]) -> None:
    """The program in place of a module's own function, then the examples of its docstring."""
    import doctest  # With it comes half of the library.

    module = import_module(job["module"])
    put = place(module, job["name"], job["tests"])
    namespace = dict(vars(module))
    exec(compile(job["program"], "candidate", "exec", dont_inherit=True), namespace)
    put(namespace.pop(job["name"]))
    namespace |= vars(module)  # A method is no name of its module: one called `abs` would hide the builtin.
    top = job["module"].partition(".")[0]  # Examples may say `textwrap.shorten` or `shorten`.
    names = {top: sys.modules[top], **vars(module), "__name__": "__main__"}
    examples = doctest.DocTestParser().get_doctest(job["tests"], names, job["name"], None, 0)
    runner = doctest.DocTestRunner(verbose=False)
    failed, tried = runner.run(examples, out=lambda text: None)
    assert tried and not failed, f"{failed} of {tried} examples failed"


def place(module: Any, name: str, docstring: str) -> Callable[[Any], None]:
    """Where the function with this docstring lives: in the module or in one of its classes."""
    owners = [module, *(each for each in vars(module).values() if isinstance(each, type))]
    for owner in owners:
        found = vars(owner).get(name)
        if found is not None and _docstring(found) == docstring:
            kind = type(found) if isinstance(found, classmethod | staticmethod | property) else None
            return lambda made: setattr(owner, name, kind(made) if kind else made)
    raise LookupError(f"no {name} with this docstring in {module.__name__}")


def _docstring(found: Any) -> str | None:
    import inspect

    text = getattr(found, "__doc__", None)
    return inspect.cleandoc(text) if isinstance(text, str) else None


if __name__ == "__main__":
    main()

"""Resident memory while a tokenizer is trained on a text and the text is tokenised: flat, whatever its size.

    python benchmarks/preparation_memory.py [--sizes 25 50 100 200] [--vocab-size 4096]

Each size runs in a process of its own. Exits with 1 where the peak at the largest size lies more than 60 MB
above the peak at a quarter of it (so at 200 MB above 50 MB).
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

MB = 10**6
ALLOWED_GROWTH = 60 * MB


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[25, 50, 100, 200], help="megabytes of text")
    parser.add_argument("--vocab-size", type=int, default=4096)
    parser.add_argument("--child", nargs=2, type=Path, metavar=("TEXT", "CACHE"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        text, cache = arguments.child
        print(json.dumps(measure(text, cache, arguments.vocab_size)))
        return
    print("text MB   at start   training   preparing   (peak resident MB)   seconds")
    peaks = {size: run(size, arguments.vocab_size) for size in arguments.sizes}
    largest = max(peaks)
    growth = peaks[largest] - peaks.get(largest // 4, min(peaks.values()))
    print(f"growth to {largest} MB: {growth / MB:.0f} MB (at most {ALLOWED_GROWTH / MB:.0f} allowed)")
    sys.exit(growth > ALLOWED_GROWTH)


def run(size: int, vocab_size: int) -> int:
    """Measure one size in a fresh process; its highest peak in bytes."""
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder) / "text.txt"
        write_text(text, size * MB)
        command = [sys.executable, __file__, "--vocab-size", str(vocab_size), "--child", str(text), folder]
        found = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    columns = [found["start"], found["training"], found["preparing"]]
    print(
        f"{size:7}   " + "".join(f"{value / MB:8.0f}   " for value in columns) + f"{found['seconds']:27.0f}"
    )
    return max(columns)


def write_text(path: Path, num_bytes: int) -> None:
    """The standard library's files, shuffled anew each time round."""
    from gpt_exp.data.standard_library import StandardLibrary

    documents = [piece.text for piece in StandardLibrary().pieces()]
    shuffler = random.Random(0)
    with path.open("w", encoding="utf-8") as file:
        while file.tell() < num_bytes:
            shuffler.shuffle(documents)
            for document in documents:
                if file.tell() < num_bytes:
                    file.write(document)


def measure(text: Path, cache: Path, vocab_size: int) -> dict[str, float]:
    """Peaks of this process's resident memory, sampled every 5 ms in each phase."""
    from gpt_exp.corpus.prepare import prepare, train_tokenizer
    from gpt_exp.corpus.split import Split
    from gpt_exp.data.text import TextFiles
    from gpt_exp.tokenizer import bpe, file

    peaks: dict[str, float] = {"start": resident(), "training": 0, "preparing": 0}
    phase = "training"

    def sample() -> None:
        while phase:
            peaks[phase] = max(peaks[phase], resident())
            time.sleep(0.005)

    thread = threading.Thread(target=sample)
    thread.start()
    start, source, split = time.monotonic(), TextFiles(paths=str(text)), Split()
    tokenizer = train_tokenizer(
        lambda texts: bpe.train(texts, vocab_size=vocab_size),
        source,
        split,
        cache=cache,
        key="bpe",
        load=file.open,
    )
    phase = "preparing"
    prepare(source, tokenizer, split, cache=cache)
    phase = ""
    thread.join()
    return {**peaks, "seconds": time.monotonic() - start}


def resident() -> int:
    return psutil.Process().memory_info().rss


if __name__ == "__main__":
    main()

import gzip
import lzma
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from gpt_exp.corpus import prepare as module
from gpt_exp.corpus.prepare import Corpus, prepare, train_tokenizer
from gpt_exp.corpus.split import Split
from gpt_exp.data.text import TextFiles
from gpt_exp.run import durable
from gpt_exp.tokenizer import bpe, byte, file

EOT = 256
SHARED = Path(__file__).parents[3] / "shared" / "data" / "shakespeare"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "books").mkdir()
    for i in range(40):
        (tmp_path / "books" / f"{i:02d}.txt").write_text(f"Book {i}: é {'many words ' * i}\n")
    return tmp_path / "books"


def source(folder):
    return TextFiles(paths=str(folder))


def made(folder, cache, **options) -> Corpus:
    split = Split(**{"val_fraction": 0.2, "test_fraction": 0.2, **options})
    return prepare(source(folder), byte.byte(), split, cache=cache, show_progress=False)


def documents(corpus: Corpus, part: str) -> list[str]:
    stream = corpus.tokens(part)[:]
    assert stream[0] == EOT
    whole = np.split(stream, np.flatnonzero(stream == EOT)[1:])
    return [bytes(document[1:].tolist()).decode() for document in whole]


def test_every_document_stands_whole_in_one_part(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "BATCH_CHARACTERS", 300)
    corpus = made(folder, tmp_path)
    found = {part: documents(corpus, part) for part in corpus.parts}
    texts = [path.read_text() for path in sorted(folder.iterdir())]
    assert sorted(text for part in found.values() for text in part) == sorted(texts)
    assert all(part == sorted(part, key=texts.index) and len(part) > 2 for part in found.values())
    assert corpus.meta["by"] == "document"
    for part, counts in corpus.meta["parts"].items():
        text = "".join(found[part]).encode()
        assert counts["num_bytes"] == len(text)
        assert counts["num_documents"] == len(found[part])
        assert counts["num_tokens"] == len(text) + len(found[part]) == len(corpus.tokens(part))
        assert corpus.bytes_per_target(part) == len(text) / (counts["num_tokens"] - 1)


def test_gzip_and_xz_sizes_are_those_of_the_tools(folder, tmp_path):
    corpus = made(folder, tmp_path)
    for part in ("val", "test"):
        text = "".join(documents(corpus, part)).encode()
        counts = corpus.meta["parts"][part]
        assert counts["compressed_bytes"] == len(text)
        assert counts["gzip_bytes"] == len(gzip.compress(text, 9))
        assert counts["xz_bytes"] == len(lzma.compress(text, preset=6))
    assert "gzip_bytes" not in corpus.meta["parts"]["train"]


def test_a_split_by_tail_cuts_within_a_document(folder, tmp_path):
    corpus = made(folder, tmp_path, by="tail", val_fraction=0.35, test_fraction=0)
    whole = "".join(path.read_text() for path in sorted(folder.iterdir()))
    train, val = ("".join(documents(corpus, part)) for part in ("train", "val"))
    assert train == whole[: int(len(whole) * (1 - 0.35))] and train + val == whole
    with pytest.raises(ValueError, match="'test' is not there: it is one of train, val"):
        corpus.tokens("test")


def test_the_cache_is_found_again_and_follows_content_tokenizer_and_split(folder, tmp_path, monkeypatch):
    first = made(folder, tmp_path).folder
    with monkeypatch.context() as patch:
        patch.setattr(module, "_write", None)  # Writing again would fail.
        assert made(folder, tmp_path).folder == first
    tokenizer = bpe.train(["text"], vocab_size=257)
    others = {
        made(folder, tmp_path, val_fraction=0.3).folder,
        prepare(
            source(folder), tokenizer, Split(val_fraction=0.2), cache=tmp_path, show_progress=False
        ).folder,
    }
    (folder / "00.txt").write_text("changed")
    others.add(made(folder, tmp_path).folder)
    assert len(others | {first}) == 4


def test_a_damaged_cache_is_made_anew(folder, tmp_path):
    corpus = made(folder, tmp_path)
    before = corpus.tokens("train")[:].tolist()
    (shard,) = corpus.folder.glob("train-*.bin")
    shard.write_bytes(shard.read_bytes()[:-1])
    assert made(folder, tmp_path).tokens("train")[:].tolist() == before
    (corpus.folder / durable.MANIFEST).unlink()
    assert made(folder, tmp_path).tokens("train")[:].tolist() == before


PREPARE = """if True:
    import sys, time
    from pathlib import Path
    from gpt_exp.corpus import prepare as module
    from gpt_exp.corpus.split import Split
    from gpt_exp.data.text import TextFiles
    from gpt_exp.tokenizer import byte
    module.BATCH_CHARACTERS = 100
    books, cache, seconds = sys.argv[1:]

    class Slow(type(byte.byte())):
        def encode_batch(self, texts):
            print("batch", flush=True)
            time.sleep(float(seconds))
            return super().encode_batch(texts)

    tokenizer = byte.byte()
    tokenizer.__class__ = Slow
    split = Split(val_fraction=0.2, test_fraction=0.2)
    module.prepare(TextFiles(paths=books), tokenizer, split, cache=Path(cache), show_progress=False)
"""


def start(folder, cache, seconds=0.0):
    command = [sys.executable, "-c", PREPARE, str(folder), str(cache), str(seconds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def test_a_killed_preparation_leaves_no_cache(folder, tmp_path):
    cache = tmp_path / "cache"
    process = start(folder, cache, seconds=0.1)
    for _ in range(3):
        process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    (left,) = (cache / "tokens").iterdir()
    assert left.name.startswith(durable.TEMPORARY) and durable.damage(left) is not None
    corpus = made(folder, cache)
    assert list((cache / "tokens").iterdir()) == [corpus.folder]


def test_two_at_once_both_end_well(folder, tmp_path):
    processes = [start(folder, tmp_path / "cache", seconds=0.005) for _ in range(2)]
    for process in processes:
        process.communicate()
    assert [process.returncode for process in processes] == [0, 0]
    (made_folder,) = (tmp_path / "cache" / "tokens").iterdir()
    assert durable.damage(made_folder) is None


def test_a_tokenizer_learns_from_the_training_part_alone_and_is_cached(folder, tmp_path):
    split = Split(val_fraction=0.2, test_fraction=0.2)
    seen: list[str] = []

    def factory(texts):
        seen.extend(texts)
        return bpe.train(seen, vocab_size=270)

    def trained(key="bpe 270", factory=factory):
        return train_tokenizer(
            factory, source(folder), split, cache=tmp_path, key=key, load=file.open, show_progress=False
        )

    tokenizer = trained()
    assert sorted(seen) == sorted(documents(made(folder, tmp_path), "train"))
    again = trained(factory=None)  # Calling it would fail.
    assert again.encode("many words") == tokenizer.encode("many words")
    with pytest.raises(TypeError):
        trained(key="another", factory=None)


def test_log_lines_tell_speed_and_time_left(capsys, monkeypatch):
    from gpt_exp.corpus import progress

    clock = iter([0.0, 1.0, 11.0, 12.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    with progress.progress("tokenising", total=44_000_000, show=True) as advance:
        for _ in range(3):
            advance(11_000_000)
    assert capsys.readouterr().err == "tokenising: 50% at 2.0 MB/s, 11 s left\n"


@pytest.mark.skipif(not SHARED.is_dir(), reason="tinyshakespeare is not here")
def test_nanogpts_split_of_tinyshakespeare(tmp_path):
    source = TextFiles(paths=str(SHARED / "input.txt"))
    split = Split(val_fraction=0.1, test_fraction=0)
    corpus = prepare(source, byte.byte(), split, cache=tmp_path, show_progress=False)
    assert [len(corpus.tokens(part)) - 1 for part in corpus.parts] == [1_003_854, 111_540]
    assert bytes(corpus.tokens("val")[1:].tolist()) == (SHARED / "input.txt").read_bytes()[1_003_854:]

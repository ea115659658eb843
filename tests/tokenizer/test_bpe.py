import inspect
import subprocess
import sys

import pytest

from gpt_exp.tokenizer import bpe

TEXT = inspect.getsource(inspect)


def test_training_is_deterministic_across_processes(tmp_path):
    code = """if True:
        import inspect, sys
        from pathlib import Path
        from gpt_exp.tokenizer import bpe
        text = inspect.getsource(inspect)
        bpe.train(iter([text]), vocab_size=600).save(Path(sys.argv[1]))
    """
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "first")], check=True)
    bpe.train(iter([TEXT]), vocab_size=600).save(tmp_path / "second")
    saved = [(tmp_path / name / "tokenizer.json").read_bytes() for name in ("first", "second")]
    assert saved[0] == saved[1]


def test_a_larger_vocabulary_compresses_better_and_sizes_are_exact():
    lengths = []
    for vocab_size in (257, 300, 600, 1200):
        tokenizer = bpe.train([TEXT], vocab_size=vocab_size)
        assert tokenizer.vocab_size == vocab_size
        lengths.append(len(tokenizer.encode(TEXT)))
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[0] == len(TEXT.encode()) and lengths[-1] < lengths[0] / 2.5


def test_too_small_a_vocabulary_is_refused():
    with pytest.raises(ValueError, match="vocab_size=256 is below 257"):
        bpe.train([TEXT], vocab_size=256)


def test_tokens_stay_within_words_and_lines():
    tokenizer = bpe.train(["    return x\n" * 100], vocab_size=400)
    for token in range(tokenizer.vocab_size):
        text = tokenizer.decode([token])
        assert text.rstrip("\r\n").count("\n") == 0
        assert len(text.split()) <= 1

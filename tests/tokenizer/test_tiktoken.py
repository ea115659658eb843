"""The same ids as the tiktoken package, from the same ranks."""

import base64
import inspect
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpt_exp.tokenizer import file, tiktoken
from gpt_exp.tokenizer.byte_level import GPT2_PATTERN

package = pytest.importorskip("tiktoken")
SHARED = Path(__file__).parents[3] / "shared" / "data" / "tokenizers"
TEXT = inspect.getsource(inspect)
# cl100k_base's, as tiktoken_ext/openai_public.py has it: possessive and with an anchor.
CL100K_PATTERN = (
    r"""'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|"""
    r"""\s*[\r\n]|\s+(?!\S)|\s"""
)
HARD = "  a\n\n   b12345678 \n\t x   \n  don't I'LL we're\r\n\r\n!?\n\n 漢字 🙂🙂 ½²  "


@cache
def ranks(pattern: str) -> dict[bytes, int]:
    from tiktoken._educational import bpe_train

    return bpe_train(TEXT[:20_000] + HARD, 500, pattern, None)


def save(path: Path, pattern: str) -> Path:
    lines = [f"{base64.b64encode(token).decode()} {rank}\n" for token, rank in ranks(pattern).items()]
    path.write_text("".join(lines))
    return path


@pytest.mark.parametrize("pattern", [GPT2_PATTERN, CL100K_PATTERN])
def test_ids_are_those_of_the_package(tmp_path, pattern):
    ours = tiktoken.open(str(save(tmp_path / "small.tiktoken", pattern)), pattern=pattern)
    theirs = package.Encoding("small", pat_str=pattern, mergeable_ranks=ranks(pattern), special_tokens={})
    for text in (TEXT, HARD, HARD * 2, HARD.replace(" ", "\n"), "   ", "\n", "aaaaaaaaaaaaaaaa"):
        assert ours.encode(text) == theirs.encode_ordinary(text)
    assert ours.end_of_text == len(ranks(pattern))

    @settings(deadline=None)
    @given(st.text())
    def arbitrary(text):
        assert ours.encode(text) == theirs.encode_ordinary(text)
        assert ours.decode(ours.encode(text)) == text

    arbitrary()


def test_saved_it_reloads_to_identical_ids(tmp_path):
    ours = tiktoken.open(str(save(tmp_path / "small.tiktoken", GPT2_PATTERN)))
    ours.save(tmp_path)
    assert file.open(tmp_path).encode(TEXT) == ours.encode(TEXT)


def test_a_named_encoding_keeps_its_pattern_and_special_ids(monkeypatch):
    size = len(ranks(CL100K_PATTERN))
    special = {"<|endoftext|>": size + 1, "<|fim_prefix|>": size + 5}  # With gaps, as in cl100k_base.
    theirs = package.Encoding(
        "named", pat_str=CL100K_PATTERN, mergeable_ranks=ranks(CL100K_PATTERN), special_tokens=special
    )
    monkeypatch.setattr(package, "get_encoding", lambda name: theirs)
    ours = tiktoken.open("named")
    assert ours.encode(HARD) == theirs.encode_ordinary(HARD)
    assert ours.end_of_text == size + 1 and ours.vocab_size == theirs.n_vocab
    assert ours.encode("<|fim_prefix|>") == theirs.encode_ordinary("<|fim_prefix|>")


def test_mistakes_are_one_line(tmp_path, monkeypatch):
    def offline(name):
        raise OSError("network is unreachable\nlong story")

    with pytest.raises(ValueError, match="no such file"):
        tiktoken.open(str(tmp_path / "absent.tiktoken"))
    (tmp_path / "bad.tiktoken").write_text("!!! x\n")
    with pytest.raises(ValueError, match="no tiktoken ranks"):
        tiktoken.open(str(tmp_path / "bad.tiktoken"))
    monkeypatch.setattr(package, "get_encoding", offline)
    with pytest.raises(ValueError, match=r"^[^\n]*unreachable; without network give the path[^\n]*$"):
        tiktoken.open("gpt2")


@pytest.mark.skipif(not SHARED.is_dir(), reason="GPT-2's real ranks are not here")
def test_gpt2_real_ranks_and_files(tmp_path):
    from tiktoken.load import load_tiktoken_bpe

    path = str(SHARED / "gpt2.tiktoken")
    ours, merges = tiktoken.open(path), file.open(SHARED)
    theirs = package.Encoding(
        "gpt2",
        pat_str=GPT2_PATTERN,
        mergeable_ranks=load_tiktoken_bpe(path),
        special_tokens={"<|endoftext|>": 50256},
    )
    assert ours.encode("hello world") == [31373, 995]
    assert (ours.vocab_size, ours.end_of_text) == (merges.vocab_size, merges.end_of_text) == (50257, 50256)
    for text in (TEXT, HARD):
        assert ours.encode(text) == merges.encode(text) == theirs.encode_ordinary(text)

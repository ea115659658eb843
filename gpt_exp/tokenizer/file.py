"""Any tokenizer that Hugging Face's `tokenizers` can read from files."""

from __future__ import annotations

import json
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models

from gpt_exp.tokenizer.byte_level import GPT2_PATTERN, pre_tokenizer
from gpt_exp.tokenizer.tokenizer import END_OF_TEXT, FastTokenizer

USUAL_ENDS = (END_OF_TEXT, "</s>", "<|end_of_text|>", "<eos>")
GPT2_FILES = (("encoder.json", "vocab.bpe"), ("vocab.json", "merges.txt"))  # OpenAI's names, Hugging Face's.


def open(path: str | Path, end_of_text: str | None = None) -> FastTokenizer:
    """Open a tokenizer.json, a folder that holds one, or a folder with GPT-2's vocabulary and merges.

    Raises ValueError where no end-of-text token is named in `tokenizer_config.json` or has a usual name.
    """
    path = Path(path).expanduser()
    tokenizer = _read(path)
    candidates = [end_of_text] if end_of_text else [_configured_end(path), *USUAL_ENDS]
    for name in candidates:
        if name is not None and tokenizer.token_to_id(name) is not None:
            return FastTokenizer(tokenizer, end_of_text=name)
    tried = ", ".join(repr(name) for name in candidates if name)
    raise ValueError(f"{path}: no end-of-text token (tried {tried}): name it by tokenizer.end_of_text=...")


def _read(path: Path) -> Tokenizer:
    file = path / "tokenizer.json" if path.is_dir() else path
    if file.is_file():
        try:
            return Tokenizer.from_file(str(file))
        except Exception as error:  # The library raises bare Exceptions.
            raise ValueError(f"{file} is no tokenizer.json: {error}") from None
    for vocab, merges in GPT2_FILES:
        if (path / vocab).is_file() and (path / merges).is_file():
            return _read_gpt2(path / vocab, path / merges)
    raise ValueError(f"tokenizer.path={path}: no tokenizer.json there")


def _read_gpt2(vocab: Path, merges: Path) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE.from_file(str(vocab), str(merges)))
    tokenizer.pre_tokenizer = pre_tokenizer(GPT2_PATTERN)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(END_OF_TEXT, normalized=False)])
    return tokenizer


def _configured_end(path: Path) -> str | None:
    folder = path if path.is_dir() else path.parent
    try:
        token = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))["eos_token"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return token["content"] if isinstance(token, dict) else token

import json

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from gpt_exp.tokenizer import byte, file


def save(path, vocab, *, post_process=False):
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(vocab)}, unk_token=vocab[0]))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.add_special_tokens([vocab[1]])
    if post_process:
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{vocab[1]} $A", special_tokens=[(vocab[1], 1)]
        )
        tokenizer.enable_truncation(2)
        tokenizer.enable_padding(length=8)
    tokenizer.save(str(path))


@pytest.mark.parametrize("end", ["</s>", "<|end_of_text|>", "<eos>", "<|endoftext|>"])
def test_usual_end_of_text_names_are_found(tmp_path, end):
    save(tmp_path / "tokenizer.json", ["<unk>", end, "hello"])
    assert file.open(tmp_path).end_of_text == 1


def test_the_configured_end_comes_first_and_the_option_before_it(tmp_path):
    save(tmp_path / "tokenizer.json", ["<unk>", "</s>", "stop", "halt"])
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"eos_token": {"content": "stop"}}))
    assert file.open(tmp_path).end_of_text == 2
    tokenizer = file.open(tmp_path / "tokenizer.json", end_of_text="halt")
    tokenizer.save(tmp_path / "again")
    assert tokenizer.end_of_text == file.open(tmp_path / "again").end_of_text == 3


def test_what_the_file_adds_cuts_or_pads_is_left_off(tmp_path):
    save(tmp_path / "tokenizer.json", ["<unk>", "</s>", "hello"], post_process=True)
    assert file.open(tmp_path).encode("hello hello hello") == [2, 2, 2]
    assert file.open(tmp_path).encode_batch(["hello hello hello"]) == [[2, 2, 2]]


def test_mistakes_name_the_path_and_the_option(tmp_path):
    with pytest.raises(ValueError, match=r"no tokenizer\.json there"):
        file.open(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(ValueError, match=r"is no tokenizer\.json"):
        file.open(tmp_path)
    save(tmp_path / "tokenizer.json", ["<unk>", "stop"])
    with pytest.raises(ValueError, match=r"name it by tokenizer\.end_of_text"):
        file.open(tmp_path)
    with pytest.raises(ValueError, match="'nope'"):
        file.open(tmp_path, end_of_text="nope")


def test_gpt2_style_vocabulary_and_merges(tmp_path):
    byte.byte().save(tmp_path)
    vocab = json.loads((tmp_path / "tokenizer.json").read_text())["model"]["vocab"]
    folder = tmp_path / "gpt2"
    folder.mkdir()
    (folder / "encoder.json").write_text(json.dumps({**vocab, "<|endoftext|>": 257, "he": 256}))
    (folder / "vocab.bpe").write_text("#version: 0.2\nh e\n")
    assert file.open(folder).encode("hehé") == [256, 104, 195, 169]
    assert file.open(folder).end_of_text == 257

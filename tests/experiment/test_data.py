"""What a run learns from."""

import json

import pytest

from gpt_exp.config.compose import compose
from gpt_exp.errors import UserError
from gpt_exp.experiment.data import keep, make_data
from gpt_exp.run.folder import RunFolder

# A user's films in the order in which they were seen; nobody else saw any of them.
HISTORIES = {user: [f"{user}{number:02}" for number in range(4)] for user in range(1, 41)}


def test_a_record_tasks_tokenizer_knows_all_of_the_training_part_and_nothing_else(tmp_path):
    """So no second tenth of the records is held out from it, and names of users are no items."""
    lines = [
        f"{user}\t{item}\t5\t{time}\n" for user, items in HISTORIES.items() for time, item in enumerate(items)
    ]
    (tmp_path / "u.data").write_text("".join(lines))
    given = [
        "experiment=recommendation_movielens",
        f"data.root={tmp_path}",
        f"paths.cache={tmp_path}/cache",
    ]
    tokenizer, parts, _ = make_data(compose("train", given))
    items = [item for record in parts["train"] for item in record["items"]]
    assert len(items) == 2 * len(HISTORIES)
    assert tokenizer.unknown not in tokenizer.encode(" ".join(items))
    assert tokenizer.vocab_size == len(set(items)) + 2
    assert set(tokenizer.encode(" ".join(map(str, HISTORIES)))) == {tokenizer.unknown}


def test_what_augmentations_read_is_part_of_what_is_learnt_from(tmp_path):
    """A run whose paraphrases were made anew does not go on with them."""
    records = [{"text": f"film {number}", "label": "good" if number % 2 else "bad"} for number in range(40)]
    write(tmp_path / "train.jsonl", records)
    write(tmp_path / "said.jsonl", [{"text": "film 1", "paraphrases": ["picture 1"]}])
    given = [
        *("module=fine_tuning", "task=sentiment", "data=jsonl", f"data.train={tmp_path}/train.jsonl"),
        *("task.labels=[good,bad]", f"paths.cache={tmp_path}/cache", "tokenizer=byte"),
    ]
    augmented = [
        "augmentation=[back_translation]",
        f"augmentation.back_translation.path={tmp_path}/said.jsonl",
    ]
    plain = make_data(compose("train", given))
    folder = RunFolder(tmp_path / "run")
    first = make_data(compose("train", [*given, *augmented]))
    keep(folder, *first[::2])
    assert set(first.identity) - set(plain.identity) == {"augmentation"}
    keep(folder, *make_data(compose("train", [*given, *augmented]))[::2])
    write(tmp_path / "said.jsonl", [{"text": "film 1", "paraphrases": ["movie 1"]}])
    with pytest.raises(UserError, match="the data has changed since"):
        keep(folder, *make_data(compose("train", [*given, *augmented]))[::2])


def test_language_modeling_reads_the_fields_of_records_that_it_names(tmp_path):
    write(tmp_path / "train.jsonl", [{"source": f"house {n}", "target": f"Haus {n}"} for n in range(40)])
    records = ["data=jsonl", f"data.train={tmp_path}/train.jsonl"]
    common = ["sampling=packed", "tokenizer=byte", f"paths.cache={tmp_path}/cache"]
    both = make_data(compose("train", [*records, *common]))
    one = make_data(compose("train", [*records, *common, "task.fields=[target]"]))
    text = one.tokenizer.decode([token for token in one.content.tokens("train")[:].tolist() if token < 256])
    assert "Haus" in text
    assert "house" not in text
    assert both.identity != one.identity
    with pytest.raises(UserError, match=r"task\.fields: .*StandardLibrary gives text"):
        make_data(compose("train", [*common, "task.fields=[target]"]))


def write(path, records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records))

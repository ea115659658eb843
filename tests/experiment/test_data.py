"""What a run learns from."""

from gpt_exp.config.compose import compose
from gpt_exp.experiment.data import make_data

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

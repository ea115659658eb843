from gpt_exp.evaluation.batches import in_batches

WORDS = ["It", "is", "a", "truth", "universally", "acknowledged", "that", "a", "single", "man"]


def run(batch_size):
    """The results, and what each batch held."""
    batches = []

    def upper(words):
        batches.append(words)
        return [word.upper() for word in words]

    found = in_batches(WORDS, upper, length=len, batch_size=batch_size, title="words")
    return found, batches


def test_results_come_in_the_order_of_the_items():
    for batch_size in (1, 3, 100):
        assert run(batch_size)[0] == [word.upper() for word in WORDS]


def test_the_longest_are_done_first_in_batches_of_like_length():
    _, batches = run(3)
    lengths = [len(word) for batch in batches for word in batch]
    assert lengths == sorted(lengths, reverse=True)
    assert [len(batch) for batch in batches] == [3, 3, 3, 1]


def test_nothing_is_done_for_no_items():
    assert in_batches([], lambda words: words, length=len, batch_size=2, title="none") == []

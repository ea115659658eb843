import numpy as np

from gpt_exp.sampling.packed import Packed

EOT = 0
STREAM = np.array([EOT if i % 7 == 0 else i for i in range(103)])  # 12 blocks of 8, a rest of 6 targets.
WINDOWS = np.lib.stride_tricks.sliding_window_view(STREAM, 9)


def examples(seed=3):
    return Packed().training(STREAM, context_length=8, end_of_text=EOT, seed=seed)


def test_an_epoch_visits_each_block_once():
    for epoch in range(5):
        visited = [examples()[epoch * 12 + i].tokens for i in range(12)]
        starts = sorted(int(np.flatnonzero((block == WINDOWS).all(axis=1))[0]) for block in visited)
        assert np.diff(starts).tolist() == [8] * 11 and 0 <= starts[0] <= 6


def test_epochs_differ_in_order_and_shift_so_that_every_token_gets_its_turn():
    epochs = [np.stack([examples()[epoch * 12 + i].tokens for i in range(12)]) for epoch in range(40)]
    assert len({epoch.tobytes() for epoch in epochs}) == 40
    assert set(np.unique([epoch[:, 1:] for epoch in epochs])) == set(STREAM.tolist())
    assert any(103 - 1 in epoch for epoch in epochs)


def test_pinned_order():
    fourth_tokens = [int(examples(seed=1337)[i].tokens[3]) for i in range(24)]
    assert fourth_tokens[:12] == [27, 51, 75, 43, 59, 67, 19, 83, 0, 0, 3, 11]
    assert fourth_tokens[12:] == [87, 47, 0, 71, 0, 39, 31, 23, 55, 15, 79, 95]


def test_documents_are_numbered_from_end_of_text_to_end_of_text():
    blocks = Packed().evaluation(STREAM, context_length=8, end_of_text=EOT)
    assert blocks[0].tokens.tolist() == [0, 1, 2, 3, 4, 5, 6, 0, 8]
    assert blocks[0].documents.tolist() == [1, 1, 1, 1, 1, 1, 1, 2]
    assert blocks[1].tokens.tolist() == [8, 9, 10, 11, 12, 13, 0, 15, 16]
    assert blocks[1].documents.tolist() == [0, 0, 0, 0, 0, 0, 1, 1]  # Begins inside a document.
    for block in blocks:
        assert block.documents.shape == (8,)
        assert (np.diff(block.documents) == (block.tokens[1:-1] == EOT)).all()


def test_reading_back_and_forth_between_epochs_changes_nothing():
    forward = [examples()[i].tokens.tolist() for i in range(60)]
    one = examples()
    for i in (0, 59, 13, 47, 1, 25, 59, 0):
        assert one[i].tokens.tolist() == forward[i]

from types import SimpleNamespace

import torch

from gpt_exp.task.head.image_prefix import ImagePrefix, patches

IMAGES = torch.arange(2 * 4 * 4 * 3, dtype=torch.uint8).view(2, 4, 4, 3)


def test_patches_are_squares_row_by_row():
    found = patches(IMAGES, 2)
    assert found.shape == (2, 4, 12)
    for number, (row, column) in enumerate([(0, 0), (0, 2), (2, 0), (2, 2)]):
        square = IMAGES[:, row : row + 2, column : column + 2].flatten(1)
        torch.testing.assert_close((found[:, number] + 1) * 127.5, square.float())


def test_black_is_minus_one_and_white_is_one():
    image = torch.stack([torch.zeros(4, 4, 3), torch.full((4, 4, 3), 255)]).to(torch.uint8)
    assert patches(image, 4)[:, 0, 0].tolist() == [-1, 1]


def test_equal_patches_differ_by_their_place_alone():
    for hidden_dim in (None, 8):
        head = ImagePrefix(SimpleNamespace(embedding_dim=6), size=4, patch=2, hidden_dim=hidden_dim)
        with torch.no_grad():
            (vectors,) = head(torch.full((1, 4, 4, 3), 9, dtype=torch.uint8))
        torch.testing.assert_close(vectors - vectors[0], head.positions.detach() - head.positions.detach()[0])
        assert len(vectors.unique(dim=0)) == 4

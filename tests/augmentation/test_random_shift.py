import numpy as np
import pytest

from gpt_exp.augmentation.random_shift import RandomShift

SIZE, PIXELS = 12, 3


@pytest.fixture
def record():
    """The letter L in ink on white, which neither a mirror nor a move leaves as it is."""
    image = np.full((SIZE, SIZE, 3), 255, np.uint8)
    image[4:8, 4] = image[7, 4:7] = (20, 30, 90)
    return {"image": image, "target": "the letter L"}


def drawn(record, count=200, **settings):
    augment, random = RandomShift(**settings), np.random.Generator(np.random.PCG64(1))
    return [augment(record, random)["image"] for _ in range(count)]


def ink(image):
    rows, columns = np.nonzero(image[..., 0] < 255)
    return rows - rows.min(), columns - columns.min(), rows.min() - 4, columns.min() - 4


def test_the_drawing_moves_whole_by_at_most_so_many_pixels_each_way(record):
    found = [ink(image) for image in drawn(record, pixels=PIXELS)]
    rows, columns, _, _ = ink(record["image"])
    assert all((a == rows).all() and (b == columns).all() for a, b, _, _ in found)
    assert {(down, right) for _, _, down, right in found} == {
        (down, right) for down in range(-PIXELS, PIXELS + 1) for right in range(-PIXELS, PIXELS + 1)
    }


def test_the_mirror_is_as_frequent_as_it_is_said(record):
    mirrored = record["image"][:, ::-1]
    for mirror, least, most in ((0.0, 0, 0), (0.3, 40, 80), (1.0, 200, 200)):
        images = drawn(record, pixels=0, mirror=mirror)
        assert least <= sum((image == mirrored).all() for image in images) <= most
        assert all((image == mirrored).all() or (image == record["image"]).all() for image in images)


def test_the_record_stays_and_the_copy_is_an_image_like_it(record):
    before = record["image"].copy()
    changed = RandomShift(pixels=3, mirror=1.0)(record, np.random.Generator(np.random.PCG64(1)))
    assert (record["image"] == before).all() and changed["target"] == record["target"]
    assert changed["image"].dtype == np.uint8 and changed["image"].shape == before.shape
    assert changed["image"].flags.c_contiguous


@pytest.mark.parametrize("setting", [{"pixels": -1}, {"mirror": 1.5}])
def test_settings_out_of_range_are_told(setting):
    with pytest.raises(ValueError, match=next(iter(setting))):
        RandomShift(**setting)

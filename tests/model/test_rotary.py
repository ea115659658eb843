import torch

from gpt_exp.model.rotary import rotate, rotation_at

HEAD_DIM = 16
SCALING = {
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}


def turned(x, position, scaling=None):
    at = torch.tensor([[position]])
    return rotate(x, rotation_at(at, head_dim=HEAD_DIM, theta=10_000.0, scaling=scaling))


def test_scores_depend_on_distance_alone():
    query, key = torch.randn(2, 1, 1, 1, HEAD_DIM, dtype=torch.float64)
    for scaling in (None, SCALING):
        near = (turned(query, 7, scaling) * turned(key, 3, scaling)).sum()
        far = (turned(query, 57, scaling) * turned(key, 53, scaling)).sum()
        torch.testing.assert_close(near, far, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(turned(query, 40, scaling).norm(), query.norm())


def test_first_position_is_left_alone():
    x = torch.randn(1, 1, 1, HEAD_DIM)
    assert torch.equal(turned(x, 0), x)


def test_scaling_stretches_long_wavelengths_only():
    cos, sin = rotation_at(torch.tensor([[1]]), head_dim=HEAD_DIM, theta=10_000.0, scaling=None)
    plain = torch.atan2(sin, cos).flatten()
    cos, sin = rotation_at(torch.tensor([[1]]), head_dim=HEAD_DIM, theta=10_000.0, scaling=SCALING)
    stretch = plain / torch.atan2(sin, cos).flatten()
    wavelengths = 2 * torch.pi / plain
    torch.testing.assert_close(stretch[wavelengths < 16], torch.ones((wavelengths < 16).sum()))
    torch.testing.assert_close(stretch[wavelengths > 64], torch.full(((wavelengths > 64).sum(),), 8.0))
    assert (stretch.diff() >= -1e-5).all()


def test_half_precision_comes_back_as_it_went():
    x = torch.randn(1, 1, 1, HEAD_DIM, dtype=torch.bfloat16)
    assert turned(x, 3).dtype == torch.bfloat16

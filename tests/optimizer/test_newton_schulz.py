"""Newton-Schulz: what comes out is orthogonal, whatever the batch."""

import pytest
import torch
from torch import Tensor

from gpt_exp.optimizer import newton_schulz
from gpt_exp.optimizer.newton_schulz import orthogonalize


@pytest.fixture(autouse=True)
def full_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(newton_schulz, "_dtype", lambda device: torch.float32)


def random(*shapes: tuple[int, int]) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=generator) for shape in shapes]


@pytest.mark.parametrize(("rows", "columns"), [(32, 32), (32, 128), (128, 32), (64, 48)])
def test_singular_values_are_near_one(rows: int, columns: int) -> None:
    (update,) = orthogonalize(random((rows, columns)))
    values = torch.linalg.svdvals(update) / max(1.0, rows / columns) ** 0.5
    assert values.min() > 0.6 and values.max() < 1.3


def test_singular_vectors_are_kept() -> None:
    (matrix,) = random((24, 40))
    (update,) = orthogonalize([matrix])
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    inner = left.T @ update @ right.T
    assert torch.allclose(inner, torch.diag(inner.diagonal()), atol=1e-4)


def test_a_batch_gives_what_one_by_one_does() -> None:
    matrices = random((16, 64), (64, 16), (16, 16), (48, 16), (64, 16), (16, 64), (20, 30))
    together = orthogonalize(matrices)
    for matrix, update in zip(matrices, together, strict=True):
        torch.testing.assert_close(orthogonalize([matrix])[0], update)


def test_a_fused_query_key_value_weight_is_three_matrices() -> None:
    (fused,) = random((48, 16))
    (update,) = orthogonalize([fused])
    separate = orthogonalize(list(fused.chunk(3)))
    torch.testing.assert_close(update, torch.cat(separate))


def test_the_size_of_a_gradient_does_not_matter() -> None:
    (matrix,) = random((16, 32))
    torch.testing.assert_close(orthogonalize([1e-6 * matrix]), orthogonalize([1e6 * matrix]))


def test_zero_stays_zero() -> None:
    assert not orthogonalize([torch.zeros(8, 8)])[0].any()


def test_bfloat16_agrees_to_its_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    (matrix,) = random((32, 64))
    exact = orthogonalize([matrix])[0]
    monkeypatch.setattr(newton_schulz, "_dtype", lambda device: torch.bfloat16)
    rounded = orthogonalize([matrix])[0]
    assert rounded.dtype == torch.float32
    assert (rounded - exact).norm() < 0.03 * exact.norm()

"""NEFTune: noise on the embeddings of what is read, in training."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gpt_exp.interfaces import Model


def add_noise(model: Model, alpha: float) -> None:
    """Uniform noise of at most alpha / sqrt(time * embedding_dim) on every embedding.

    Jain et al. 2023, arXiv:2310.05914, algorithm 1. ValueError for a negative alpha.
    """
    if alpha < 0:
        raise ValueError(f"module.noise={alpha} must be at least 0")

    def noisy(module: nn.Module, inputs: tuple[Tensor, ...], embedded: Tensor) -> Tensor:
        if not module.training:
            return embedded
        limit = alpha / (embedded.shape[-2] * embedded.shape[-1]) ** 0.5
        return embedded + torch.empty_like(embedded).uniform_(-limit, limit)

    model.token_embedding.register_forward_hook(noisy)

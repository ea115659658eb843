"""Packed documents: the stream in disjoint blocks, shuffled each epoch, attention kept within documents."""

from __future__ import annotations

import numpy as np

from gpt_exp.interfaces import Example, TokenStream
from gpt_exp.sampling.blocks import Blocks
from gpt_exp.sampling.stream import check_length, packed_example


class Packed:
    """Training: every block once an epoch, in an order of its own. Evaluation: the blocks in order.

    A block may begin inside a document; its tokens then see what of that document is in the block.
    """

    def training(
        self, tokens: TokenStream, *, context_length: int, end_of_text: int, seed: int
    ) -> ShuffledBlocks:
        """Raises ValueError where the split has no block of context_length + 1 tokens."""
        return ShuffledBlocks(tokens, context_length, end_of_text, seed)

    def evaluation(self, tokens: TokenStream, *, context_length: int, end_of_text: int) -> Blocks:
        return Blocks(tokens, context_length, end_of_text=end_of_text)


class ShuffledBlocks:
    """Example i is block number i % num_blocks in the order of epoch i // num_blocks."""

    def __init__(self, tokens: TokenStream, context_length: int, end_of_text: int, seed: int) -> None:
        check_length(tokens, context_length)
        self._tokens, self._context_length = tokens, context_length
        self._end_of_text, self._seed = end_of_text, seed
        # The blocks leave a rest of tokens; shifting them anew each epoch gives all their turn.
        self.num_blocks, self._rest = divmod(len(tokens) - 1, context_length)
        self._epochs: dict[int, tuple[np.ndarray, int]] = {}

    def __getitem__(self, index: int) -> Example:
        epoch, position = divmod(index, self.num_blocks)
        order, shift = self._epoch(epoch)
        start = int(order[position]) * self._context_length + shift
        return packed_example(self._tokens[start : start + self._context_length + 1], self._end_of_text)

    def _epoch(self, epoch: int) -> tuple[np.ndarray, int]:
        """Its order of the blocks, and by how many tokens they are shifted; two epochs are kept."""
        if epoch not in self._epochs:
            generator = np.random.Generator(np.random.PCG64([self._seed, epoch]))
            made = generator.permutation(self.num_blocks), int(generator.integers(self._rest + 1))
            self._epochs = dict([*self._epochs.items(), (epoch, made)][-2:])
        return self._epochs[epoch]

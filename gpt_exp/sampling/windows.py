"""Random windows over the stream, as nanoGPT's get_batch draws them."""

from __future__ import annotations

from gpt_exp.interfaces import Example, TokenStream
from gpt_exp.sampling.blocks import Blocks
from gpt_exp.sampling.stream import check_length


class Windows:
    """Training: a window anywhere, attending across documents. Evaluation: all disjoint blocks."""

    def training(
        self, tokens: TokenStream, *, context_length: int, end_of_text: int, seed: int
    ) -> RandomWindows:
        """Raises ValueError where the split has no window of context_length + 1 tokens."""
        return RandomWindows(tokens, context_length, seed)

    def evaluation(self, tokens: TokenStream, *, context_length: int, end_of_text: int) -> Blocks:
        return Blocks(tokens, context_length)


class RandomWindows:
    """Window i starts where a hash of (seed, i) says: no state, any order, any process."""

    def __init__(self, tokens: TokenStream, context_length: int, seed: int) -> None:
        check_length(tokens, context_length)
        self._tokens, self._context_length, self._seed = tokens, context_length, seed

    def __getitem__(self, index: int) -> Example:
        num_starts = len(self._tokens) - self._context_length
        start = (splitmix64(self._seed, index) * num_starts) >> 64  # Uniform within num_starts / 2**64.
        return Example(self._tokens[start : start + self._context_length + 1])


def splitmix64(seed: int, index: int) -> int:
    """Number `index` of a SplitMix64 stream (Steele et al., 2014); hashing the seed keeps streams apart."""
    return _mix(_mix(seed) + (index + 1) * 0x9E3779B97F4A7C15)


def _mix(value: int) -> int:
    mask = 2**64 - 1
    value &= mask
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & mask
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & mask
    return value ^ (value >> 31)

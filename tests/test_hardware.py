"""What a CPU says of itself."""

import pytest

from gpt_exp.hardware import tells_of_fast_bf16


@pytest.mark.parametrize(
    ("vendor", "flags", "is_fast"),
    [
        ("GenuineIntel", "avx512f avx512_bf16 amx_bf16 amx_tile", True),
        ("AuthenticAMD", "avx512f avx512_bf16", True),
        ("GenuineIntel", "avx512f avx512_bf16", False),  # It has the instruction, at half the speed.
        ("AuthenticAMD", "avx2", False),
    ],
)
def test_bf16_is_fast_with_tiles_and_on_amd(vendor: str, flags: str, is_fast: bool) -> None:
    assert tells_of_fast_bf16(f"processor : 0\nvendor_id : {vendor}\nflags : fpu {flags} md\n") == is_fast

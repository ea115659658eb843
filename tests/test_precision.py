"""Which numbers a CPU computes with by itself."""

from pathlib import Path

import pytest

from gpt_exp.precision import resolve_precision


@pytest.fixture
def cpu(monkeypatch):
    """This machine's CPU as another one."""

    def become(vendor, *flags):
        told = f"vendor_id : {vendor}\nflags : fpu {' '.join(flags)}\n"
        monkeypatch.setattr(Path, "is_file", lambda self: True)
        monkeypatch.setattr(Path, "read_text", lambda self: told)

    return become


def test_bf16_where_it_is_faster(cpu):
    cpu("AuthenticAMD", "avx512_bf16")
    assert resolve_precision("auto", "cpu") == "bf16-mixed"
    cpu("GenuineIntel", "avx512_bf16", "amx_tile")
    assert resolve_precision("auto", "cpu") == "bf16-mixed"


def test_fp32_where_it_is_not(cpu):
    cpu("AuthenticAMD")
    assert resolve_precision("auto", "cpu") == "32-true"
    cpu("GenuineIntel", "avx512_bf16")
    assert resolve_precision("auto", "cpu") == "32-true"


def test_what_is_said_is_done(cpu):
    cpu("AuthenticAMD", "avx512_bf16")
    assert resolve_precision("32-true", "cpu") == "32-true"

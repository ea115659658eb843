"""Which numbers a CPU computes with by itself."""

from pathlib import Path

import pytest
import torch

from gpt_exp.config import cost
from gpt_exp.precision import resolve_precision


@pytest.fixture
def cpu(monkeypatch):
    """This machine's CPU as another one."""

    def become(vendor, *, amx=False, avx512=False):
        monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512)
        monkeypatch.setattr(Path, "is_file", lambda self: True)
        monkeypatch.setattr(Path, "read_text", lambda self: f"vendor_id : {vendor}\n")

    return become


def test_bf16_where_it_is_faster(cpu):
    cpu("AuthenticAMD", avx512=True)
    assert resolve_precision("auto", "cpu") == "bf16-mixed"
    cpu("GenuineIntel", amx=True)
    assert resolve_precision("auto", "cpu") == "bf16-mixed"


def test_fp32_where_it_is_not(cpu):
    cpu("AuthenticAMD")
    assert resolve_precision("auto", "cpu") == "32-true"
    cpu("GenuineIntel", avx512=True)
    assert resolve_precision("auto", "cpu") == "32-true"


def test_what_is_said_is_done(cpu):
    cpu("AuthenticAMD", avx512=True)
    assert resolve_precision("32-true", "cpu") == "32-true"


def test_a_cost_is_told_for_the_precision_that_is_taken(cpu, monkeypatch):
    flags = {"AuthenticAMD": "avx512_bf16", "GenuineIntel": "avx512_bf16 amx_tile", "Other": "avx512_bf16"}
    for vendor, own in flags.items():
        cpu(vendor, avx512=True, amx="amx_tile" in own)
        known = f"vendor_id : {vendor}\nflags : {own}\n"
        monkeypatch.setattr(Path, "read_text", lambda self, known=known: known)
        assert cost.cpu_has_bf16() == (resolve_precision("auto", "cpu") == "bf16-mixed")

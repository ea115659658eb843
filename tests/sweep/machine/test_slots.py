import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpt_exp.sweep.machine.slots import Slots, gpus


def test_cores_are_shared():
    slots = Slots(2, cores=8)
    first, second = slots.take(1), slots.take(1)
    assert first.environment == second.environment == {"OMP_NUM_THREADS": "4"}
    assert slots.take(1) is None
    slots.give_back(first)
    assert slots.take(1) is not None


def test_the_processes_of_a_distributed_job_share_its_cores():
    assert Slots(2, cores=8).take(2).threads == 2


def test_jobs_have_gpus_of_their_own():
    slots = Slots(3, gpus=("0", "1", "2", "3"), cores=8)
    first, second = slots.take(2), slots.take(1)
    assert first.environment["CUDA_VISIBLE_DEVICES"] == "0,1"
    assert second.environment["CUDA_VISIBLE_DEVICES"] == "2"
    assert slots.take(2) is None  # One is left.
    slots.give_back(first)
    assert slots.take(2).gpus == ("0", "1")


def test_a_job_for_all_gpus_gets_all_of_them():
    assert Slots(4, gpus=("GPU-a", "GPU-b"), cores=4).take(1_000_000).gpus == ("GPU-a", "GPU-b")


@given(st.lists(st.integers(1, 5), max_size=30))
def test_no_gpu_is_ever_given_twice(wanted):
    slots, held = Slots(8, gpus=tuple("01234567"), cores=8), []
    for devices in wanted:
        slot = slots.take(devices)
        if slot is None and held:
            slots.give_back(held.pop(0))
        elif slot is not None:
            held.append(slot)
        used = [gpu for each in held for gpu in each.gpus]
        assert len(used) == len(set(used))


@pytest.mark.parametrize(("visible", "expected"), [("1,3", ("1", "3")), ("", ()), ("-1", ())])
def test_visible_gpus_are_those_of_the_environment(monkeypatch, visible, expected):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert gpus() == expected


def test_a_job_on_all_devices_has_a_thread_for_each_core_it_may_use():
    assert Slots(1, cores=8).take(1_000_000).threads == 1
    assert Slots(1, gpus=("0", "1"), cores=8).take(1_000_000).threads == 4

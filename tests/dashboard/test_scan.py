"""What counts as a run or a sweep."""

import os
from pathlib import Path

from gpt_exp.dashboard.scan import scan


def test_runs_are_found_at_every_depth_that_training_makes(outputs, make_run, make_sweep):
    make_run("alone")
    make_run("name/time")
    make_sweep("sweeps/name/time", "finished", "waiting")
    found = scan(str(outputs))
    assert set(found.runs) == {"alone", "name/time", "sweeps/name/time/0000"}
    assert set(found.sweeps) == {"sweeps/name/time"}


def test_what_is_inside_a_run_hidden_or_cached_is_no_run(outputs, make_run):
    make_run("name/time")
    for place in ("name/time/inner", "name/.tmp-1@host@abc@time", "cache/tokens/run"):
        make_run(place)
    assert set(scan(str(outputs)).runs) == {"name/time"}


def test_a_linked_run_counts_once_by_its_own_name(outputs, make_run, tmp_path):
    make_run("name/time")
    (outputs / "latest").symlink_to(outputs / "name/time")
    (outputs / "loop").symlink_to(outputs)
    (tmp_path / "elsewhere").mkdir()
    (outputs / "name/time").rename(tmp_path / "elsewhere/time")
    (outputs / "name/time").symlink_to(tmp_path / "elsewhere/time")
    (outputs / "from_the_cluster").symlink_to(tmp_path / "elsewhere")
    assert len(scan(str(outputs)).runs) == 1


def test_a_link_never_hides_the_folder_that_it_points_at(outputs, make_run):
    make_run("zzz/time")
    (outputs / "aaa").symlink_to(outputs / "zzz/time")
    assert set(scan(str(outputs)).runs) == {"zzz/time"}


def test_a_name_that_is_no_text_is_passed_over(outputs, make_run):
    make_run("name/time")
    Path(os.fsdecode(os.fsencode(outputs) + b"/name/\xff")).mkdir()
    assert set(scan(str(outputs)).runs) == {"name/time"}


def test_no_folder_is_no_run(tmp_path):
    assert not scan(str(tmp_path / "missing")).runs

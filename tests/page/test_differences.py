"""Only what differs is told, and all of it."""

import json

from gpt_exp.page import comparison, differences


def of(*folders) -> dict[str, list[str | None]]:
    runs = comparison.read(folders)
    return {row.name: row.values for row in differences.config_differences(runs)}


def test_keys_that_differ_are_dotted_and_absent_ones_are_told(new_folder):
    muon = {"_target_": "gpt_exp.optimizer.muon.muon", "lr": 0.02, "momentum": 0.95}
    found = of(new_folder("a"), new_folder("b", optimizer=muon, seed=2))
    assert found == {
        "optimizer._target_": ["gpt_exp.optimizer.adamw.adamw", "gpt_exp.optimizer.muon.muon"],
        "optimizer.betas": ["[0.9, 0.95]", None],
        "optimizer.lr": ["0.001", "0.02"],
        "optimizer.momentum": [None, "0.95"],
        "seed": ["1", "2"],
    }


def test_runtime_keys_come_last_and_are_marked(new_folder):
    folders = [new_folder("a"), new_folder("b", logger={"csv": 1}, trainer={"max_steps": 50, "devices": 2})]
    rows = differences.config_differences(comparison.read(folders))
    assert [(row.name, row.is_runtime) for row in rows] == [
        ("trainer.max_steps", False),
        ("logger.csv", True),
        ("trainer.devices", True),
    ]


def test_equal_runs_do_not_differ_by_their_own_folders(new_folder):
    folders = [new_folder("a"), new_folder("b"), new_folder("c")]
    assert of(*folders) == {}
    runs = comparison.read(folders)
    assert differences.code_differences(runs) == differences.environment_differences(runs) == []


def test_a_string_is_not_taken_for_a_number_or_null(new_folder):
    assert of(new_folder("a", seed=1), new_folder("b", seed="1"))["seed"] == ["1", '"1"']
    assert of(new_folder("c", resume=None), new_folder("d", resume="null"))["resume"] == ["null", '"null"']


def test_commits_changes_packages_and_machines_are_compared(new_folder):
    folders = [new_folder("a"), new_folder("b")]
    for i, folder in enumerate(folders):
        state = {"commit": f"{i}" * 40, "dirty": bool(i), "status": [f" M file_{j}.py" for j in range(8 * i)]}
        folder.git.write_text(json.dumps(state))
        folder.patch.unlink(missing_ok=True)
        gpus = ["NVIDIA H100, 81559 MiB"] * i
        packages = {"torch": f"2.{i}", "numpy": "2.0"}
        folder.environment.write_text(json.dumps({"packages": packages, "gpus": gpus, "argv": [str(i)]}))
    folders[1].patch.write_text("+ a line\n")
    runs = comparison.read(folders)
    code = {row.name: row.values for row in differences.code_differences(runs)}
    assert code["commit"] == ["0" * 12, "1" * 12]
    assert code["changed files"][0] is None and code["changed files"][1].endswith("file_5.py and 2 more")
    assert code["git.patch"][0] is None and "1 lines, sha256" in code["git.patch"][1]
    rows = {row.name: row.values for row in differences.environment_differences(runs)}
    assert rows == {"torch": ["2.0", "2.1"], "GPU": [None, "NVIDIA H100, 81559 MiB"]}

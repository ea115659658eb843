"""Runs handed to Hydra's own launchers: a job is told its folder and nothing else."""

import pytest
from hydra import initialize_config_dir
from hydra._internal.callbacks import Callbacks
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import HydraContext, RunMode

from gpt_exp.config.location import conf_folder
from gpt_exp.config.overrides import quoted
from gpt_exp.run.folder import RunFolder, read_json
from gpt_exp.sweep.cluster.node import launch_file, note_file
from hydra_plugins.gpt_exp.other_launcher import OtherLauncher


@pytest.fixture
def hand_over(monkeypatch):
    """As the sweeper of `gpt-exp train -m` has it, with these overrides."""

    def make(*overrides: str):
        with initialize_config_dir(str(conf_folder()), version_base="1.3"):
            hydra = GlobalHydra.instance().hydra
            assert hydra is not None
            config = hydra.compose_config(
                "train", list(overrides), run_mode=RunMode.MULTIRUN, with_log_configuration=False
            )
        HydraConfig.instance().set_config(config)
        return OtherLauncher(HydraContext(hydra.config_loader, Callbacks()), config).hand_over

    yield make
    HydraConfig.instance().cfg = None


@pytest.mark.parametrize("text", ["/plain/path", "/a b/c", "/it's", "/a=b,c/{d}/[e]", "/#x", "/tilde~"])
def test_hydra_reads_a_path_as_it_is(text):
    override = OverridesParser.create().parse_override(f"key={quoted(text)}")
    assert override.value() == text


def test_each_job_finds_its_own_run(hand_over, tmp_path):
    """In processes of submitit, which know this one's objects only as it has pickled them."""
    folder = tmp_path / "it's a, {sweep}"
    runs = [RunFolder(folder / name) for name in ("0000", "0001")]
    for index, run in enumerate(runs):
        run.path.mkdir(parents=True)
        launch_file(run).write_text(f'{{"name": "mine", "index": {index}}}')
    runs[0].set_status("finished")
    runs[1].stop_request.write_text("enough")
    hand_over("hydra/launcher=submitit_local")([run.path for run in runs], folder, "mine")
    notes = [read_json(note_file(run)) for run in runs]
    assert [(note["launch"], note["exit_code"]) for note in notes] == [("mine", 0), ("mine", 143)]
    assert runs[1].status()["reason"] == "enough"
    assert (folder / ".submitit").is_dir()
    assert {path.name for path in tmp_path.iterdir()} == {folder.name}  # Nothing was left elsewhere.

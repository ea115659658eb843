"""What `check` composes is what Hydra hands to `train`."""

from pathlib import Path

import pytest
from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from omegaconf import OmegaConf

from gpt_exp.config.compose import compose, composition
from gpt_exp.config.inherit import inherit, settle
from gpt_exp.config.location import conf_folder
from gpt_exp.run.folder import RunFolder

SMALL = ["model=llama_nano", "model.logit_softcap=30", "model.dropout=0.3"]
TABLE = ["data=tsv", "data.train=pairs.tsv", "module=fine_tuning", "task=translation"]


@pytest.mark.parametrize(
    "override",
    [
        "seed=3",
        "trainer.benchmark=true",
        "+trainer.benchmark=true",
        "model.dropout=0.1",
        "data.fields.source=target",
        "data.fields={source: target, target: source}",
        "+data.fields={source: target, target: source}",
        "data={fields: {source: target}}",
        "data.values={label: {0: negative}}",
        "data={quotes: true}",
        "callback.checkpoint={keep_last: 3}",
        "callback={checkpoint: {keep_last: 3}}",
        "split={val_fraction: 0.1, test_fraction: 0.1, by: tail}",
        "model={dropout: 0.1}",
        "data.columns=[source,target]",
        "~trainer.gradient_clip_val",
        "trainer.strategy={_target_: lightning.pytorch.strategies.DDPStrategy, static_graph: true}",
        "optimizer={_target_: torch.optim.Adam, amsgrad: true}",
    ],
)
def test_hydra_takes_every_override_as_it_was_checked(override: str) -> None:
    job = composition("train", [*TABLE, override])
    assert not job.problems
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        theirs = hydra_compose("train", job.spelt)
    assert OmegaConf.to_container(theirs) == OmegaConf.to_container(job.config)


@pytest.mark.parametrize(
    "override",
    ["model.dropout=0.1", "model.z_loss=1e-4", "model.logit_softcap=null", "model={z_loss: 1e-4}", "seed=3"],
)
def test_keys_of_another_run_s_network_are_set_as_they_were_checked(tmp_path: Path, override: str) -> None:
    base = RunFolder.create(tmp_path / "base", compose("train", SMALL), [])
    base.checkpoint(10).mkdir(parents=True)
    job = composition("train", ["model=run", f"init.run={base.path}", override])
    assert not job.problems
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        theirs = hydra_compose("train", job.spelt)
    inherit(theirs)
    settle(theirs)
    assert OmegaConf.to_container(theirs) == OmegaConf.to_container(job.config)

"""What `check` composes is what Hydra hands to `train`."""

import pytest
from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from omegaconf import OmegaConf

from gpt_exp.config.compose import composition
from gpt_exp.config.location import conf_folder

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

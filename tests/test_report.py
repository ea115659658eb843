"""The verb writes a run's page."""

import pytest
from omegaconf import OmegaConf

from gpt_exp.errors import UserError
from gpt_exp.report import main
from gpt_exp.run.folder import RunFolder


def test_the_verb_prints_the_page(tmp_path, capsys):
    folder = RunFolder.create(tmp_path / "demo" / "2026-11-23_10-00-00", {"seed": 1}, [])
    main(OmegaConf.create({"run": str(folder.path)}), [])
    assert capsys.readouterr().out.strip() == str(folder.report)
    assert "demo" in folder.report.read_text()
    with pytest.raises(UserError, match="did you mean"):
        main(OmegaConf.create({"run": str(folder.path) + "0"}), [])


@pytest.mark.parametrize("run", [None, 5, ["a"]])
def test_what_is_no_path_is_told_in_a_line(run):
    with pytest.raises(UserError, match="a run's folder"):
        main(OmegaConf.create({"run": run}), [])

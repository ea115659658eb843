import sys

import pytest
from PIL import Image

from gpt_exp.errors import UserError
from gpt_exp.page.png import write_figures

GRID = {"optimizer.lr": [0.001, 0.01, 0.1], "optimizer": ["adamw", "sgd"]}


def has_browser() -> bool:
    pytest.importorskip("kaleido")
    from choreographer.browsers.chromium import Chromium

    return Chromium.find_browser(skip_local=False) is not None


@pytest.mark.slow
def test_figures_are_written_for_paper(grid_sweep):
    if not has_browser():
        pytest.skip("no Chromium here")
    paths = write_figures(grid_sweep(GRID))
    assert {"val_loss.png", "importance_of_each_parameter.png"} <= {path.name for path in paths}
    picture = Image.open(paths[0])
    assert picture.size == (1800, 1040)
    assert picture.convert("RGB").getpixel((5, 5)) == (255, 255, 255)
    assert len(picture.convert("RGB").getcolors(1_000_000)) > 20


def test_without_kaleido_it_says_how_to_get_it(grid_sweep, monkeypatch):
    monkeypatch.setitem(sys.modules, "kaleido", None)
    with pytest.raises(UserError, match="gpt-exp\\[png\\]"):
        write_figures(grid_sweep(GRID))

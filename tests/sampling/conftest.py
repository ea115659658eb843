from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def public_domain():
    return (Path(__file__).parents[1] / "assets" / "public_domain.txt").read_text()

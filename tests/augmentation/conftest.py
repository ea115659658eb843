"""Real sentences, and the chance that changes them."""

from pathlib import Path

import numpy as np
import pytest

TEXT = Path(__file__).parents[1] / "assets" / "public_domain.txt"


@pytest.fixture(scope="session")
def paragraphs() -> list[str]:
    """Long enough for a tenth of their words to be some."""
    return [text for text in TEXT.read_text(encoding="utf-8").split("\n\n") if len(text.split()) > 20]


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.Generator(np.random.PCG64([1, 0, 0]))

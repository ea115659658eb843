import importlib
import struct

import pytest

from gpt_exp.data.gettext_catalogs import GettextCatalogs

GERMAN = {  # Of Django; a context ends in \4, plural forms are apart by \0.
    "": "Content-Type: text/plain; charset=UTF-8\nPlural-Forms: nplurals=2; plural=(n != 1);\n",
    "Log in": "Anmelden",
    "Please correct the error below.": "Bitte den unten aufgeführten Fehler korrigieren.",
    "naming\4Log out": "Abmelden",
    "%(count)d year\0%(count)d years": "%(count)d Jahr\0%(count)d Jahre",
    "Delete": "",
}
FRENCH = {"": GERMAN[""], "Log in": "Connexion"}


def compiled(messages):
    """GNU's format: a header, tables of length and offset for originals and translations, their texts."""
    texts = [text.encode() for pair in zip(*sorted(messages.items()), strict=True) for text in pair]
    start = 28 + 8 * len(texts)
    tables, data = b"", b""
    for text in texts:
        tables += struct.pack("<2I", len(text), start + len(data))
        data += text + b"\0"
    count = len(messages)
    return struct.pack("<7I", 0x950412DE, 0, count, 28, 28 + 8 * count, 0, start) + tables + data


@pytest.fixture
def package(tmp_path, monkeypatch):
    for language, messages in (("de", GERMAN), ("fr", FRENCH)):
        folder = tmp_path / "some_forms" / "locale" / language / "LC_MESSAGES"
        folder.mkdir(parents=True)
        (folder / "some.mo").write_bytes(compiled(messages))
    (tmp_path / "some_forms" / "__init__.py").write_text("raise SystemExit")  # It must not be imported.
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    return "some_forms"


def pairs(package, **options):
    return {
        (record["source"], record["target"])
        for record in GettextCatalogs(packages=[package], **options).read()["train"]
    }


def test_messages_stand_beside_their_translations(package):
    assert pairs(package) == {
        ("Log in", "Anmelden"),
        ("Please correct the error below.", "Bitte den unten aufgeführten Fehler korrigieren."),
        ("Log out", "Abmelden"),
        ("%(count)d year", "%(count)d Jahr"),
    }


def test_two_translations_of_one_message_are_a_pair(package):
    assert pairs(package, source="fr", target="de") == {("Connexion", "Anmelden")}


def test_what_is_not_there_is_told(package):
    with pytest.raises(ValueError, match=r"some_forms holds no catalog for 'es'; there are: de, fr"):
        pairs(package, target="es")
    with pytest.raises(ValueError, match=r"no_such_package is not installed: pip install no_such_package"):
        pairs("no_such_package")
    with pytest.raises(ValueError, match=r"data\.source and data\.target are both en"):
        pairs(package, target="en")
    with pytest.raises(ValueError, match=r"data\.packages is empty"):
        GettextCatalogs(packages=[])


def test_django_brings_hundreds_of_pairs():
    pytest.importorskip("django")
    found = pairs("django")
    assert len(found) > 500 and ("Log in", "Anmelden") in found

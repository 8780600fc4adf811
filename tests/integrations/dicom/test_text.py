"""Text in its character set, or in the one that it is really in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.dicom.text import CharacterSet


@pytest.mark.parametrize("term", ["ISO_IR 192", "ISO-IR 192", "ISO IR 192", "ISO_IR_192", "iso_ir 192"])
def test_free_spellings_of_a_defined_term_are_understood(term: str) -> None:
    assert CharacterSet((term,), "ISO_IR 100").read("Größe".encode()) == ("Größe", True)


@pytest.mark.parametrize(
    ("declared", "value", "expected"),
    [
        pytest.param(("ISO_IR 100",), b"M\xfcller", "Müller", id="Latin-1"),
        pytest.param(("ISO_IR 144",), "Юлия".encode("iso8859_5"), "Юлия", id="Cyrillic"),
        pytest.param(
            ("", "ISO 2022 IR 87"),
            b"Sato^Hanako=\x1b$B:4F#\x1b(B^\x1b$B2V;R\x1b(B",
            "Sato^Hanako=佐藤^花子",
            id="Japanese by code extension",
        ),
        pytest.param(
            ("", "ISO 2022 IR 149"),
            b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7",
            "Hong^Gildong=洪^吉洞",
            id="Korean by code extension",
        ),
        pytest.param(("GB18030",), "王^小东".encode("gb18030"), "王^小东", id="Chinese"),
    ],
)
def test_a_declared_character_set_is_used(declared: tuple[str, ...], value: bytes, expected: str) -> None:
    assert CharacterSet(declared, "ISO_IR 100").read(value, is_name=True) == (expected, True)


@pytest.mark.parametrize(
    ("declared", "fallback", "value", "expected"),
    [
        pytest.param("ISO_IR 192", "ISO_IR 100", b"M\xfcller", "Müller", id="Latin-1 declared as UTF-8"),
        pytest.param("", "ISO_IR 100", b"M\xfcller", "Müller", id="nothing declared"),
        pytest.param("", "ISO_IR 192", "Müller".encode(), "Müller", id="nothing declared where the site has UTF-8"),
        pytest.param("NONE SUCH", "ISO_IR 100", b"M\xfcller", "Müller", id="unknown character set"),
        pytest.param("ISO 2022 IR 87", "ISO_IR 100", b"\x1b$B\xff", "\x1b$Bÿ", id="no character after an escape"),
        pytest.param("ISO_IR 192", "ISO_IR 192", b"\xff\xfe", "ÿþ", id="not even the fallback fits"),
    ],
)
def test_what_does_not_fit_is_read_with_the_fallback(declared: str, fallback: str, value: bytes, expected: str) -> None:
    assert CharacterSet((declared,), fallback).read(value) == (expected, False)


@given(st.lists(st.text(max_size=12), min_size=1, max_size=3), st.text(max_size=12), st.binary(max_size=40))
def test_any_bytes_in_any_declaration_give_text_without_replacement_characters(
    declared: list[str], fallback: str, value: bytes
) -> None:
    text, _ = CharacterSet(tuple(declared), fallback).read(value)

    assert "\ufffd" not in text

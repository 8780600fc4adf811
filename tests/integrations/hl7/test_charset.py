import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.hl7.charset import codec_of, decode


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("UNICODE UTF-8", "utf-8"),
        ("utf8", "utf-8"),
        ("8859/1", "cp1252"),
        ("ISO-8859-1", "cp1252"),
        ("ISO_IR 100", "cp1252"),
        ("8859/15", "iso8859-15"),
        ("Windows-1250", "cp1250"),
        ("GB 18030-2000", "gb18030"),
        ("ASCII", "ascii"),
        ("8859/12", None),
        ("klingon", None),
        ("", None),
    ],
)
def test_a_character_set_is_known_by_hl7s_and_by_free_names(name: str, codec: str | None) -> None:
    assert codec_of(name) == codec


@pytest.mark.parametrize(
    ("raw", "declared", "text", "noted"),
    [
        pytest.param("ö".encode(), "", "ö", False, id="undeclared UTF-8"),
        pytest.param(b"\xf6", "", "ö", True, id="undeclared and not UTF-8"),
        pytest.param(b"\xf6", "UTF-8", "ö", True, id="declared wrongly"),
        pytest.param("ö".encode(), "klingon", "ö", True, id="declared by no name we know"),
        pytest.param("ö".encode(), "ASCII", "ö", True, id="ASCII with other bytes"),
        pytest.param(b"\x96", "8859/1", "\N{EN DASH}", False, id="8859-1 means Windows-1252"),
        pytest.param("ö".encode(), "8859/1", "Ã¶", True, id="declared, but looks like UTF-8"),
        pytest.param(b"\x81\xf6", "8859/1", "\x81ö", True, id="a byte that Windows-1252 lacks"),
        pytest.param("背骨".encode("iso2022_jp"), "ISO IR87", "背骨", False, id="Japanese"),
    ],
)
def test_bytes_are_read_as_declared_if_they_fit(raw: bytes, declared: str, text: str, noted: bool) -> None:
    decoded = decode(raw, declared, "cp1252")

    assert decoded.text == text
    assert bool(decoded.notes) is noted


@given(raw=st.binary(), declared=st.sampled_from(["", "UTF-8", "8859/1", "8859/7", "ASCII", "BIG-5", "other"]))
def test_no_byte_is_lost(raw: bytes, declared: str) -> None:
    decoded = decode(raw, declared, "cp1252")

    assert "�" not in decoded.text or "�".encode() in raw
    assert decoded.text.encode(decoded.codec) == raw or decoded.codec == "big5"

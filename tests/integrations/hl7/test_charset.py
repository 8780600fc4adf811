import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.hl7.charset import codec_of, decode, widened


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
        ("GBK", "gb18030"),
        ("GB2312", "gb18030"),
        ("Shift_JIS", "cp932"),
        ("ISO IR13", "cp932"),
        ("EUC-JP", "euc_jp"),
        ("KS X 1001", "euc_kr"),
        ("ISO IR159", "iso2022_jp_2"),
        ("BIG-5", "cp950"),
        ("TIS-620", "tis-620"),
        ("IBM850", "cp850"),
        ("UNICODE UTF-16", "utf-16"),
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


@pytest.mark.parametrize(
    ("raw", "declared", "text"),
    [
        pytest.param("背骨".encode(), ("8859/1", "UNICODE UTF-8"), "背骨", id="UTF-8 named second"),
        pytest.param("背骨 x".encode("iso2022_jp"), ("ASCII", "ISO IR87"), "背骨 x", id="switched by escapes"),
        pytest.param("背骨 ö".encode("iso2022_jp_2"), ("", "ISO IR87"), "背骨 ö", id="only the second named"),
        pytest.param("ö".encode("cp1252"), ("ASCII", "8859/1"), "ö", id="the first does not fit"),
        pytest.param("背骨".encode("cp932"), ("ISO IR13", "ISO IR87"), "背骨", id="Shift-JIS"),
    ],
)
def test_of_several_character_sets_the_bytes_are_of_one_that_they_fit(
    raw: bytes, declared: tuple[str, str], text: str
) -> None:
    assert decode(raw, declared[0], "cp1252", declared[1:]).text == text


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("\ufeffMSH|1".encode("utf-16-le"), "MSH|1"),
        ("\ufeffMSH|1".encode("utf-16-be"), "MSH|1"),
        ("MSH|1".encode("utf-16-le"), "MSH|1"),
        ("MSH|1".encode("utf-16-be"), "MSH|1"),
        (b"MSH|1", None),
        (b"\x00MSH|1", None),
        (b"\xff\xfeM", None),
    ],
)
def test_characters_of_two_bytes_are_seen_from_the_bytes(raw: bytes, text: str | None) -> None:
    assert widened(raw) == text


def test_a_message_of_one_byte_characters_is_not_read_as_the_wide_one_that_it_declares() -> None:
    decoded = decode(b"MSH|ab", "UNICODE UTF-16", "cp1252")

    assert (decoded.text, decoded.codec) == ("MSH|ab", "utf-8")
    assert decoded.notes[0] == "charset: the bytes do not fit the declared utf-16"


@given(raw=st.binary(), declared=st.sampled_from(["", "UTF-8", "8859/1", "8859/7", "ASCII", "BIG-5", "other"]))
def test_no_byte_is_lost(raw: bytes, declared: str) -> None:
    decoded = decode(raw, declared, "cp1252")

    assert "�" not in decoded.text or "�".encode() in raw
    assert decoded.text.encode(decoded.codec) == raw or decoded.codec == "cp950"

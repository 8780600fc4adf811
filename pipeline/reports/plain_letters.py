"""Text brought to plain small letters, so that words hidden by their writing are read like others."""

import html
import re
import unicodedata
from functools import cache
from pathlib import Path

import yaml

_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_ENTITY = re.compile(r"&#?\w{2,8};")
_LETTER = r"[^\W\d_]"
# Three and more single letters, each but the last with up to three signs behind it: `a n s w e r`, `y.e.s. n.o.`
_SPACED_OUT = re.compile(rf"(?<![^\W_])(?:{_LETTER}[ \t.\-_*|/,:+~\[\]()]{{1,3}}){{2,}}{_LETTER}(?![^\W_])")
_SPACE_BETWEEN = re.compile(r"[\W_]+")
_HYPHEN_AT_LINE_END = re.compile(r"(?<=[a-zA-Z]{2})-\n([a-z]{2,})")
_DOTS = re.compile(r"\.{2,}")
_FORMAT = re.compile(r"</?(?:b|i|u|em|strong|span|font|small|mark|sub|sup)(?: [^<>\n]{0,80})?>", re.IGNORECASE)
_STARS_IN_WORD = re.compile(r"(?<=\w)[*`~^\\]+(?=\w)")
_CAPITALS_TURN = re.compile(r"(?<=[a-z]{2})(?=[A-Z]{2})|(?<=[A-Z]{3})(?=[a-z]{2})")


def to_plain_letters(text: str) -> str:
    """Undo what hides words from a search: other alphabets' like letters, unseen characters, letters set apart.

    Accents fall, capitals become small, HTML entities are read. There are as many lines (ended by a line feed) as
    before; a word broken by a hyphen at a line's end stands whole on the first of both.

    Source: Unicode Technical Standard 39, section 4 (confusable detection), for the letters that pass for Latin ones.
    """
    text = _ENTITY.sub(lambda entity: html.unescape(entity[0]).replace("\n", " "), _CONTROL.sub("", text))
    if not text.isascii():
        text = _to_latin(text)
    text = _DOTS.sub(" ", _FORMAT.sub("", text))
    text = _HYPHEN_AT_LINE_END.sub(r"\1\n", text)
    text = _SPACED_OUT.sub(lambda run: _closed_up(run[0]), text)
    text = _STARS_IN_WORD.sub("", text)
    return _CAPITALS_TURN.sub(" ", text).replace("_", " ").lower()


def _to_latin(text: str) -> str:
    text = unicodedata.normalize("NFKD", text.translate(_look_alikes()))
    kept = [sign for sign in text if sign.isascii() or unicodedata.category(sign) not in {"Mn", "Me", "Cf", "Cc"}]
    return "".join(kept).translate(_look_alikes())


def _closed_up(run: str) -> str:
    """Close letters up; the signs between the first two letters part letters, other ones part words."""
    signs = _SPACE_BETWEEN.findall(run)
    inner = min(signs, key=lambda sign: (len(sign), sign != signs[0]))
    letters = _SPACE_BETWEEN.split(run)
    pieces = [letters[0]]
    for sign, letter in zip(signs, letters[1:], strict=False):
        pieces.append(letter if sign == inner else f" {letter}")
    return "".join(pieces)


@cache
def _look_alikes() -> dict[int, str]:
    rules = yaml.safe_load(Path(__file__).with_name("plain_letters.yaml").read_text(encoding="utf-8"))
    table = {ord(sign): latin for latin, signs in rules["look_alikes"].items() for sign in signs}
    for first in rules["alphabets"]:
        table |= {first + place: chr(ord("a") + place) for place in range(26)}
    # Characters of the block Tags are never seen, and stand for the ASCII characters by which they are numbered.
    return table | {0xE0000 + code: chr(code) for code in range(0x20, 0x7F)}

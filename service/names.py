"""Whether two people can be the same by name, birth date and sex, as different systems write them.

Written differently is not different: case, accents, ue for ü, the order of family and given name, initials, further
given names, titles, particles, and groups of one name in several scripts (PS3.5 6.2.1). A name in a script that the
other side does not use cannot be compared, and is no difference.
"""

import re
import unicodedata
from dataclasses import dataclass

_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "æ": "ae", "œ": "oe", "þ": "th", "\u0131": "i"})
_LONG = (("ae", "a"), ("oe", "o"), ("ue", "u"), ("aa", "a"))
"""What is written for ä, ö, ü and å where they are missing; without it, so that all three spellings are one."""
_TITLE = re.compile("dr|prof|professor|med|mr|mrs|ms|miss|mx|sir|herr|frau|dipl|ing|jr|sr|phd|md")
_PARTICLE = re.compile(
    "von|van|vom|zu|zum|zur|de|der|den|des|di|da|do|dos|das|du|la|le|el|al|del|della|ten|ter|bin|ibn|bint|st|y|e"
)
_APOSTROPHES = re.compile("['`\u2019\u00b4]")
_FIRST_KATAKANA = ord("ァ") - ord("ぁ")


@dataclass(frozen=True)
class _Name:
    """The words of one group of a name, comparable: all of the family name, and those of given and middle names."""

    family: tuple[str, ...]
    given: tuple[str, ...]
    joined: str


def names_fit(ours: str, theirs: str) -> bool:
    """Tell whether two names, as DICOM writes them, may be of one person; an empty one fits any."""
    mine, others = _by_script(ours), _by_script(theirs)
    comparable = [(mine[script], others[script]) for script in mine.keys() & others.keys()]
    return not comparable or any(_fit(one, other) for one, other in comparable)


def birth_dates_fit(ours: str, theirs: str) -> bool:
    """Tell whether two birth dates, YYYYMMDD or a part of it, may be the same; an empty one fits any."""
    return ours.startswith(theirs) or theirs.startswith(ours)


def sexes_fit(ours: str, theirs: str) -> bool:
    """Tell whether two sexes may be the same; only F and M are sure to differ."""
    return {ours, theirs} != {"F", "M"}


def _fit(one: _Name, other: _Name) -> bool:
    if one.joined == other.joined:
        return True
    return _parts_fit(one, other) or _parts_fit(_Name(one.given, one.family, one.joined), other)


def _parts_fit(one: _Name, other: _Name) -> bool:
    """Compare family with family and given with given; a family name without a given one may hold both."""
    shared = {*one.family} & {*other.family}
    if not shared and "".join(one.family) != "".join(other.family):  # Mac Donald and MacDonald
        return False
    ours, theirs = (name.given or (shared and {*name.family} - shared) for name in (one, other))
    return not ours or not theirs or any(_words_fit(a, b) for a in ours for b in theirs)


def _words_fit(one: str, other: str) -> bool:
    """Compare two given names, of which one may be an initial."""
    return one == other or (1 in {len(one), len(other)} and one[0] == other[0])


def _by_script(name: str) -> dict[str, _Name]:
    """Take a name apart, by the script of each of its groups."""
    groups: dict[str, _Name] = {}
    for group in name.split("="):
        family, *given = group.split("^") if "^" in group else group.split(",")
        words, rest = _words(family), _words(" ".join(given[:2]))
        if words or rest:
            joined = re.sub(r"\W", "", _plain(family) + _plain(" ".join(given[:2])))
            groups.setdefault(_script(joined), _Name(words, rest, joined))
    return groups


def _words(part: str) -> tuple[str, ...]:
    """Give the words of a part of a name without titles and particles, unless it has no others."""
    words = re.findall(r"\w+", _APOSTROPHES.sub("", _plain(part)))
    telling = (word for word in words if not _TITLE.fullmatch(word) and not _PARTICLE.fullmatch(word))
    return tuple(telling) or tuple(words)


def _plain(text: str) -> str:
    """Write text without case, accents, width, and the ways to write an umlaut; kana as katakana."""
    decomposed = unicodedata.normalize("NFKD", text.casefold().translate(_LETTERS))
    plain = "".join(character for character in decomposed if not unicodedata.combining(character))
    for written, letter in _LONG:
        plain = plain.replace(written, letter)
    return "".join(chr(ord(c) + _FIRST_KATAKANA) if "ぁ" <= c <= "ゖ" else c for c in plain)


def _script(text: str) -> str:
    """Name the script of a text's first letter, as in LATIN, CYRILLIC, CJK or HANGUL."""
    return unicodedata.name(text[:1], "NONE").split()[0] if text else "NONE"

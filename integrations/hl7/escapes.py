"""Escape sequences of field values (HL7 2.x chapter 2, use of escape sequences in text fields)."""

import re
from collections.abc import Callable, Iterable

from integrations.hl7.delimiters import NULL, Delimiters

_LONGEST_GAP = 20
FORMATTING = {"br": "\n", "ce": "\n", "sp": "\n", "sk": " ", "fi": "", "nf": "", "in": "", "ti": ""}
"""What formatting commands become; `sp` and `sk` as often as the number behind them says."""
_COMMAND = re.compile(rf"\.({'|'.join(FORMATTING)})\s*([+-]?\d{{0,9}})")
_SWITCH = r"{mark}[CM]((?:[0-9A-Fa-f]{{2}}){{2,3}}){mark}"
_NOT_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def unescape(value: str, delimiters: Delimiters, codec: str) -> str:
    r"""Replace the escape sequences of a value; what is no known sequence stays as it was sent.

    Delimiters and hexadecimal bytes (in `codec`, or UTF-8 where they fit it) become characters, formatting commands
    line breaks and spaces; highlighting vanishes.
    """
    mark = delimiters.escape
    if mark not in value:
        return value
    quoted = re.escape(mark)
    value = _switched(value, quoted)
    hexadecimal = rf"(?:{quoted}X(?:[0-9A-Fa-f]{{2}})+{quoted})+"
    letters = letters_of(delimiters)
    known = rf"{quoted}(?:[{''.join(letters)}]|\.[A-Za-z]{{2}}\s*[+-]?\d{{0,9}}){quoted}"

    def replace(found: re.Match[str]) -> str:
        sequence = found[0]
        if sequence.startswith(f"{mark}X"):
            return _from_bytes(bytes.fromhex("".join(sequence.replace(f"{mark}X", "").split(mark))), codec)
        content = sequence[len(mark) : -len(mark)]
        return letters[content] if content in letters else _formatted(content.lower(), sequence)

    return re.sub(f"{hexadecimal}|{known}", replace, value)


def escape(value: str, delimiters: Delimiters) -> str:
    """Write a value so that `unescape` gives it back; a value of two quotes is kept from meaning null."""
    names = {character: letter for letter, character in letters_of(delimiters).items() if character}
    mark = delimiters.escape

    def replace(character: str) -> str:
        if character in names:
            return f"{mark}{names[character]}{mark}"
        return f"{mark}X{ord(character):02X}{mark}" if character in "\r\n" else character

    written = "".join(map(replace, value))
    return f"{mark}X2222{mark}" if written == NULL else written


def plain_value(raw: str, delimiters: Delimiters, codec: str) -> str:
    """Give an identifier, name or code without escapes and without blanks at its ends; null is empty."""
    value = unescape(raw, delimiters, codec).strip()
    return "" if value == NULL else _NOT_TEXT.sub("", value).replace("\n", " ").replace("\r", " ")


def plain_text(text: str) -> str:
    """Make line ends one line feed and drop control characters other than the tabulator."""
    return _NOT_TEXT.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def lines_of(values: Iterable[str], read: Callable[[str], str]) -> str:
    """Read each repetition and put it on a line of its own; null is an empty line."""
    return "\n".join("" if value == NULL else read(value) for value in values)


def letters_of(delimiters: Delimiters) -> dict[str, str]:
    """Give what stands for each escape sequence of one letter; highlighting (H, N) is dropped."""
    letters = {
        "F": delimiters.field,
        "S": delimiters.component,
        "R": delimiters.repetition,
        "T": delimiters.subcomponent,
        "E": delimiters.escape,
        "H": "",
        "N": "",
    }
    return letters if delimiters.truncation is None else letters | {"P": delimiters.truncation}


def _switched(value: str, quoted: str) -> str:
    r"""Read what stands after a switch of the character set, which `\Cxxyy\` and `\Mxxyyzz\` name as ISO 2022 does.

    What stands between two switches are 7-bit bytes of that set. Where they are not, the value stays as it was sent.
    """
    switch = re.compile(_SWITCH.format(mark=quoted))
    first = switch.search(value)
    if first is None:
        return value
    written = switch.sub(lambda found: "\x1b" + bytes.fromhex(found[1]).decode("latin-1"), value[first.start() :])
    try:
        return value[: first.start()] + written.encode("ascii").decode("iso2022_jp_2")
    except (UnicodeError, ValueError):
        return value


def _from_bytes(content: bytes, codec: str) -> str:
    # A NUL stands before each byte that a sender wrote with four digits.
    content = content.replace(b"\x00", b"")
    for candidate in ("utf-8", codec, "cp1252"):
        try:
            return content.decode(candidate)
        except UnicodeDecodeError:
            continue
    return content.decode("latin-1")


def _formatted(content: str, sequence: str) -> str:
    command = _COMMAND.fullmatch(content)
    if command is None:
        return sequence
    count = min(abs(int(command[2])) if command[2].strip("+-") else 1, _LONGEST_GAP)
    times = {"sp": max(count, 1), "sk": count}
    return FORMATTING[command[1]] * times.get(command[1], 1)

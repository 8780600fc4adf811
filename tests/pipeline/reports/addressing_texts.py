"""Texts that address a report's reader, and genuine ones, as they are kept in files beside this module."""

import json
import re
from pathlib import Path

_ESCAPED = re.compile(r"\\n|(?:\\u[0-9a-f]{4})+")


def texts_in(name: str) -> list[str]:
    r"""Read a file of one text a line, with `\n` and `\u0000` for what a line cannot show; `= ` begins a heading."""
    lines = Path(__file__).with_name(name).read_text(encoding="utf-8").splitlines()
    return [
        _ESCAPED.sub(lambda escaped: str(json.loads(f'"{escaped[0]}"')), line) for line in lines if line[:2] != "= "
    ]

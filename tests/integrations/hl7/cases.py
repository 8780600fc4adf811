"""The trouble cases of tests/odd/hl7: their files, what they expect, and how their text is compared."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.settings import Hl7Settings

FOLDER = Path(__file__).resolve().parents[2] / "odd" / "hl7"
SITE = Hl7Settings(port=0, authority="NORTHMOOR")


@dataclass(frozen=True)
class Case:
    id: str
    kind: str
    steps: list[dict[str, Any]]
    expect: dict[str, Any]


def load_cases() -> list[Case]:
    cases = json.loads((FOLDER / "expected.json").read_text(encoding="utf-8"))["cases"]
    return [Case(case["id"], case["kind"], case["steps"], case["expect"]) for case in cases]


def message_of(name: str) -> bytes:
    """The first message of a file, without framing."""
    return (FOLDER / name).read_bytes().split(b"\x0b", 1)[1].split(b"\x1c", 1)[0]


def comparable(text: str, way: str | None) -> str:
    """Bring a text into the form that the README of the cases compares."""
    lines = [re.sub(r"\s", " ", line).rstrip() for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    if way == "no_blank_lines":
        lines = [re.sub(r" +", " ", line) for line in lines if line]
    return "\n".join(lines).strip("\n")

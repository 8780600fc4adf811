"""Words and tables that both statements, on DICOM and on HL7, are put together from, in Markdown."""

from collections.abc import Iterable, Sequence


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Write a table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(_cell(value) for value in line)} |" for line in lines)


def listed(values: Iterable[object]) -> str:
    """Write values one after the other, as code."""
    return ", ".join(f"`{value}`" for value in values)


def sections(*parts: str) -> str:
    """Put the parts of a document together."""
    return "\n\n".join(part.strip() for part in parts if part.strip()) + "\n"


def _cell(value: object) -> str:
    return str(value).replace("|", "\\|")

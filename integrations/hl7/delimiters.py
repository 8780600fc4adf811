"""The delimiters that each message declares in its own MSH segment (HL7 2.x chapter 2, message delimiters)."""

from dataclasses import dataclass

from integrations.hl7.errors import UnreadableMessage

NULL = '""'
"""A field of two quotes says that the value is to be deleted; an empty one says nothing."""


@dataclass(frozen=True)
class Delimiters:
    """One character each; `truncation` is None before version 2.7 and where MSH-2 has no fifth character."""

    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    subcomponent: str = "&"
    truncation: str | None = None

    def repetitions(self, field: str) -> list[str]:
        """Split a field as sent; an empty field has one empty repetition."""
        return field.split(self.repetition)

    def component_of(self, repetition: str, number: int) -> str:
        """Give the component of that number (from 1) as sent, empty where there is none."""
        return _part(repetition.split(self.component), number)

    def subcomponent_of(self, component: str, number: int) -> str:
        """Give the subcomponent of that number (from 1) as sent, empty where there is none."""
        return _part(component.split(self.subcomponent), number)


def _part(parts: list[str], number: int) -> str:
    return parts[number - 1] if number <= len(parts) else ""


STANDARD = Delimiters()


def read_delimiters(header: str) -> Delimiters:
    """Read MSH-1 and MSH-2 from a text that starts with `MSH`; what MSH-2 leaves out is as the standard recommends.

    Raises:
        UnreadableMessage: what follows `MSH` cannot be a field separator.
    """
    separator = header[3:4]
    if not separator or separator.isalnum() or separator.isspace() or not separator.isprintable():
        raise UnreadableMessage("MSH-1 is no field separator. Correct the message at the sender and send it again.")
    declared = header[4:].split("\r", 1)[0].split("\n", 1)[0].split(separator, 1)[0]
    if declared == "^~&":
        declared = "^~\\&"  # a sender that never escapes leaves the escape character out
    component, repetition, escape, subcomponent = (
        declared[place] if declared[place : place + 1].isprintable() and place < len(declared) else usual
        for place, usual in enumerate("^~\\&")
    )
    return Delimiters(separator, component, repetition, escape, subcomponent, declared[4:5] or None)

"""Errors of the report feed.

SpinelabelError
└── IntegrationError
    └── Hl7Error
        ├── UnreadableMessage
        ├── UnusableHl7Setting
        ├── UnreadableDocument
        └── ListenerUnavailable

A message that can be read but lacks what we need raises nothing: `ReadMessage.fault` says what the sender is told.
"""

from integrations.errors import Hl7Error


class UnreadableMessage(Hl7Error):
    """The bytes hold no MSH segment, so nothing says how to read them. Correct them at the sender and send again."""


class UnusableHl7Setting(Hl7Error):
    """A value under `hl7` in the settings names a field or character set that HL7 does not know."""


class UnreadableDocument(Hl7Error):
    """An encapsulated document (base64, RTF, HTML, PDF) gave no text. A person has to read it."""


class ListenerUnavailable(Hl7Error):
    """The address of `hl7.host` and `hl7.port` cannot be listened on. Free the port or set another."""

"""What the settings say of one sender, found by the application and facility that its messages name (MSH-3, MSH-4)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from config.settings import Hl7Settings
from integrations.hl7.status import Status

_OVERRIDES = ("accession_from", "charset", "time_zone", "authority", "identifier_types")


@dataclass(frozen=True)
class SenderRules:
    """How one sender's messages are read and answered.

    `entry` is the key of `hl7.senders` that applies, None where none does; `settings` are those of the site with what
    the entry says instead. `meanings` are status codes that mean something else here than in HL7's tables.
    """

    entry: str | None
    settings: Hl7Settings
    meanings: Mapping[str, Status] = field(default_factory=dict)
    answers_originally: bool = False
    answers_in_batches: bool = False


def rules_for(application: str, facility: str, settings: Hl7Settings) -> SenderRules:
    """Find the entry of a sender: application and facility before the application alone, and that before a facility."""
    names = (f"{application}|{facility}", application, f"{application}|", f"|{facility}")
    entry = next((name for name in names if name.strip("|") and name in settings.senders), None)
    if entry is None:
        return SenderRules(None, settings)
    sender = settings.senders[entry]
    said = {name: getattr(sender, name) for name in _OVERRIDES if getattr(sender, name) is not None}
    return SenderRules(
        entry,
        settings.model_copy(update=said),
        {code: Status(meaning) for code, meaning in sender.status.items()},
        sender.acks == "original",
        sender.batch_acks == "batch",
    )

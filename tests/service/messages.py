"""Messages of a feed, as small as they can be, and what the store makes of them."""

from collections.abc import Sequence
from datetime import UTC, datetime

from integrations.hl7.acks import Answer
from integrations.hl7.connection import ReceivedMessage
from service.listening import Listening


def oru(control_id: str, *groups: Sequence[str], patient: str = "4711") -> bytes:
    """Write an ORU with the given groups of segments below one patient."""
    head = [f"MSH|^~\\&|RIS|X|SPINELABEL||20260302120000||ORU^R01|{control_id}|P|2.5", f"PID|||{patient}^^^^MR"]
    return "".join(f"{segment}\r" for segment in (*head, *(s for group in groups for s in group))).encode()


def group(text: str, **fields: str) -> list[str]:
    """Write an order with its text; `fields` are OBR fields as in `obr18="A1"`."""
    numbered = {int(name[3:]): value for name, value in fields.items()}
    obr = "|".join(["OBR", *(numbered.get(number, "") for number in range(1, 26))]).rstrip("|")
    return [obr, f"OBX|1|TX|||{text}||||||F"]


def receive(listening: Listening, *messages: bytes) -> list[str]:
    """Give messages to the store, and the codes they were answered with."""
    answers = [listening.receive(ReceivedMessage(raw, "127.0.0.1", datetime.now(UTC))) for raw in messages]
    return [_code(answer) for answer in answers]


def _code(answer: Answer) -> str:
    given = answer.commit or answer.application
    assert given is not None
    return given.code

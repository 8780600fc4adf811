"""Which machines may send reports."""

import pytest
from structlog.testing import capture_logs

from config.settings import Hl7Settings
from integrations.hl7.listener import Listener
from tests.integrations.hl7.cases import message_of
from tests.integrations.hl7.mllp import Sender, Service, fields_of, listening

FRAME = b"\x0b" + message_of("d01.hl7") + b"\x1c\r"


def answered(listener: Listener) -> str:
    """Give what a sender is answered, or nothing where it is hung up on."""
    try:
        with Sender(listener.port) as sender:
            sender.send(FRAME)
            answer = sender.answer()
    except OSError:
        return ""
    return fields_of(answer)["MSA"][1] if answer else ""


@pytest.mark.parametrize(
    "hosts", [(), ("127.0.0.1",), ("192.0.2.1", "localhost"), ("no.such.host.invalid", "127.0.0.1")]
)
def test_who_is_named_by_address_or_name_may_send(hosts: tuple[str, ...]) -> None:
    service = Service(Hl7Settings(port=0, authority="NORTHMOOR", hosts=hosts))
    with listening(service) as listener:
        assert answered(listener) == "AA"


@pytest.mark.parametrize("hosts", [("192.0.2.1",), ("no.such.host.invalid",)])
def test_who_is_not_named_is_hung_up_on_and_noted(hosts: tuple[str, ...]) -> None:
    service = Service(Hl7Settings(port=0, authority="NORTHMOOR", hosts=hosts))
    with capture_logs() as logged, listening(service) as listener:
        assert answered(listener) == ""

    assert service.stored == []
    assert [line["address"] for line in logged if "not in hl7.hosts" in line["event"]] == ["127.0.0.1"]

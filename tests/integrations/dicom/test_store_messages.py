"""C-STORE's messages, as pynetdicom reads and writes them."""

from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.uid import UID
from pynetdicom.dimse_messages import C_ECHO_RQ, C_STORE_RQ, DIMSEMessage
from pynetdicom.dimse_primitives import C_ECHO, C_STORE
from pynetdicom.dsutils import decode

from integrations.dicom.store_messages import encode_store_response, read_store_request

NUMBERS = st.integers(0, 65535)
UIDS = st.from_regex(r"(0|[1-9][0-9]{0,4})(\.(0|[1-9][0-9]{0,4})){1,9}", fullmatch=True)


def command_of(message: DIMSEMessage, primitive: C_STORE | C_ECHO) -> bytes:
    message.primitive_to_message(primitive)
    value: bytes = next(iter(message.encode_msg(1, 16384))).presentation_data_value_list[0][1]
    return value[1:]


def request(number: int, sop_class: str, sop_instance: str) -> C_STORE:
    made = C_STORE()
    made.MessageID, made.Priority = number, 0
    made.AffectedSOPClassUID, made.AffectedSOPInstanceUID = UID(sop_class), UID(sop_instance)
    made.DataSet = BytesIO(b"data")
    return made


@given(NUMBERS, UIDS, UIDS)
def test_a_request_is_read_as_it_was_written(number: int, sop_class: str, sop_instance: str) -> None:
    read = read_store_request(command_of(C_STORE_RQ(), request(number, sop_class, sop_instance)))

    assert read is not None
    assert (read.MessageID, read.AffectedSOPClassUID, read.AffectedSOPInstanceUID) == (number, sop_class, sop_instance)


@given(NUMBERS, NUMBERS, st.text("aZ (),0123", max_size=64), UIDS, UIDS)
def test_an_answer_is_written_as_pynetdicom_reads_it(
    number: int, status: int, comment: str, sop_class: str, sop_instance: str
) -> None:
    response: Any = request(number, sop_class, sop_instance)
    response.MessageIDBeingRespondedTo, response.Status = number, status
    if comment:
        response.ErrorComment = comment

    pdu = encode_store_response(response, 7)

    assert (pdu[0], int.from_bytes(pdu[2:6], "big"), pdu[10], pdu[11]) == (4, len(pdu) - 6, 7, 3)
    read = decode(BytesIO(pdu[12:]), True, True)
    assert (read.CommandField, read.CommandDataSetType) == (0x8001, 0x0101)
    assert (read.MessageIDBeingRespondedTo, read.Status) == (number, status)
    assert (read.AffectedSOPClassUID, read.AffectedSOPInstanceUID) == (sop_class, sop_instance)
    assert read.get("ErrorComment", "") == comment.rstrip(" ")


def test_what_is_no_usual_request_is_left_to_pynetdicom() -> None:
    echo = C_ECHO()
    echo.MessageID, echo.AffectedSOPClassUID = 1, UID("1.2.840.10008.1.1")

    assert read_store_request(command_of(C_ECHO_RQ(), echo)) is None
    assert read_store_request(b"no command set at all") is None
    assert read_store_request(b"") is None


@pytest.mark.parametrize("cut", [10, 40, 60])
def test_a_request_that_is_cut_short_is_left_to_pynetdicom(cut: int) -> None:
    assert read_store_request(command_of(C_STORE_RQ(), request(1, "1.2.3", "1.2.4"))[:cut]) is None

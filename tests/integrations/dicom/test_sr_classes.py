"""Structured reports for peers that take only some classes or transfer syntaxes."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from pydicom import Dataset
from pydicom.uid import (
    Comprehensive3DSRStorage,
    ComprehensiveSRStorage,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    MRImageStorage,
)

from config.settings import Peer
from integrations.dicom.calling import Refused
from integrations.dicom.sender import Delivered, send_objects
from integrations.dicom.sr_classes import put_into_class
from tests.integrations.sr.studies import written

# In a process of its own, since ours takes every storage class.
PEER = """
import sys
from pynetdicom import AE, evt
def keep(event):
    print(event.request.AffectedSOPClassUID, event.dataset.SOPClassUID, event.context.transfer_syntax, flush=True)
    return 0
entity = AE("TAKING")
entity.add_supported_context(sys.argv[1], sys.argv[2:])
server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, keep)])
print(server.server_address[1], flush=True)
sys.stdin.read()
entity.shutdown()
"""

Taking = Callable[..., tuple[Peer, "subprocess.Popen[str]"]]


@pytest.fixture
def report(tmp_path: Path) -> Path:
    path = tmp_path / "sr.dcm"
    written().save_as(path, enforce_file_format=True)
    return path


@pytest.fixture
def taking() -> Iterator[Taking]:
    """Start a peer that takes one class in some transfer syntaxes, and says what comes."""
    with ExitStack() as stack:

        def start(*arguments: str) -> tuple[Peer, "subprocess.Popen[str]"]:
            command = [sys.executable, "-c", PEER, *arguments]
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            stack.callback(process.communicate, timeout=30)
            assert process.stdout is not None
            return Peer(name="taking", ae_title="TAKING", port=int(process.stdout.readline())), process

        yield start


def said(process: "subprocess.Popen[str]") -> list[str]:
    assert process.stdout is not None
    return process.stdout.readline().split()


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian])
def test_a_peer_that_takes_its_class_gets_it_in_what_it_takes(taking: Taking, report: Path, syntax: str) -> None:
    peer, process = taking(ComprehensiveSRStorage, syntax)

    assert send_objects([report], peer, "US") == [Delivered(0, "")]
    assert said(process) == [ComprehensiveSRStorage, ComprehensiveSRStorage, syntax]


def test_a_peer_that_takes_only_the_wider_class_gets_it_as_that(taking: Taking, report: Path) -> None:
    peer, process = taking(Comprehensive3DSRStorage, ImplicitVRLittleEndian)

    assert send_objects([report], peer, "US") == [Delivered(0, "", str(Comprehensive3DSRStorage))]
    assert said(process) == [Comprehensive3DSRStorage, Comprehensive3DSRStorage, ImplicitVRLittleEndian]


def test_a_peer_that_takes_no_structured_report_is_named_with_the_class(taking: Taking, report: Path) -> None:
    peer, _ = taking(MRImageStorage, ImplicitVRLittleEndian)

    (answer,) = send_objects([report], peer, "US")

    assert isinstance(answer, Refused)
    assert "taking accepts no presentation context for Comprehensive SR Storage" in answer.comment


def test_a_report_with_places_in_space_goes_under_no_class_that_has_none() -> None:
    content, whole = Dataset(), written()
    content.ValueType = "SCOORD3D"
    whole.ContentSequence = [*whole.ContentSequence, content]

    assert not put_into_class(whole, ComprehensiveSRStorage)
    assert put_into_class(whole, Comprehensive3DSRStorage)

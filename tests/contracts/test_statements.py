"""What the conformance statement and the HL7 profile say, held against what is sent to us and by us."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pynetdicom import AE, evt
from pynetdicom.events import Event
from pynetdicom.sop_class import MRImageStorage  # type: ignore[attr-defined]

from config.settings import Hl7Settings, Peer, Settings
from integrations.dicom.calling import Refused, Unreachable
from integrations.dicom.sender import TREATMENTS, Delivered, Treatment, send_objects
from integrations.dicom.statement import conformance_statement
from integrations.hl7.acks import CODES, Stamp, acknowledge
from integrations.hl7.oru import read_message
from integrations.hl7.profile import FIELDS, hl7_profile
from tests.odd.dicom.make_cases import write_case

DOCS = Path(__file__).parents[2] / "docs" / "reference"
STAMP = Stamp(datetime(2026, 3, 2, tzinfo=UTC), lambda: "1")
MESSAGE = (
    "MSH|^~\\&|RIS|H|US|X|20260302120000+0100||ORU^R01^ORU_R01|7|P|2.5.1|||{wanted}||8859/1\r"
    "PID|1||P1^^^H^MR||Marsh^Ada||19610704|F\r"
    "ORC|RE|PLACER|FILLER\r"
    "OBR|1|PLACER|FILLER|MRLS^MR LUMBAR SPINE^L|||20260302113000|||||||||||ACC1||SEC|||20260302115000|||F\r"
    "OBX|1|TX|MRLS&IMP||Stenosis.||||||F\r"
    "NTE|1||A note.\r"
    "ZDS|1.2.3.4^H^Application^DICOM\r"
    "IPC|A|B|1.2.3.4\r"
)


MERGE = "MSH|^~\\&|ADT|H|||20260302||ADT^A40|8|P|2.5\rPID|||P2^^^H^MR\rMRG|P1^^^H^MR\r"
HEADER = {"MSH-3, MSH-4", "MSH-3", "MSH-4", "MSH-7", "MSH-9", "MSH-10", "MSH-15", "MSH-16", "MSH-18"}
"""Read for the acknowledgement and the sender's rules, which the other tests of messages look at."""
OTHERWISE = {
    "PID-3": "P9^^^H^MR",
    "PID-7": "19700101",
    "PID-8": "M",
    "MRG-1": "P9^^^H^MR",
    "OBR-7": "20260301113000",
    "OBR-22": "20260301115000",
    "OBR-25": "P",
    "OBX-2": "NM",
    "OBX-3": "MRLS&ADT",
    "OBX-11": "P",
    "ZDS-1": "1.2.9^H^Application^DICOM",
    "IPC-3": "1.2.9",
}
BEFORE = {"ORC-2": ("OBR|1|PLACER", "OBR|1|"), "IPC-3": ("ZDS|1.2.3.4", "ZDS|")}
"""What has to be away for a field to count."""


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("dicom-conformance.md", lambda: conformance_statement(Settings().dicom, ())),
        ("hl7-profile.md", lambda: hl7_profile(Hl7Settings())),
    ],
)
def test_the_statement_in_the_documentation_is_the_one_of_this_code(name: str, written: Callable[[], str]) -> None:
    kind = name.partition("-")[0]

    assert (DOCS / name).read_text() == written(), f"write it anew: spinelabel statement {kind} > docs/reference/{name}"


@pytest.fixture
def answering() -> Iterator[Callable[[int], Peer]]:
    """Start a peer that answers every object with one status."""
    entity = AE("PEER")
    entity.add_supported_context(MRImageStorage)

    def start(status: int) -> Peer:
        def answer(_: Event) -> int:
            return status

        server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, answer)])
        assert server is not None
        return Peer(name="peer", ae_title="PEER", port=int(server.server_address[1]))

    yield start
    entity.shutdown()


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plain")
    write_case("plain", folder)
    return min(folder.rglob("*.dcm"))


@pytest.mark.parametrize("row", TREATMENTS, ids=lambda row: f"{row.first:04X}H")
def test_each_status_of_a_peer_is_treated_as_the_statement_says(
    row: Treatment, answering: Callable[[int], Peer], image: Path
) -> None:
    status = row.first if row.outcome != "refused" else 0xC123
    (answer,) = send_objects([image], answering(status), "US")

    match row.outcome:
        case "delivered":
            assert answer == Delivered(status, "")
        case "delivered with a warning":
            assert isinstance(answer, Delivered)
            assert f"{status:04X}H" in answer.warning
        case "tried again":
            assert isinstance(answer, Unreachable)
        case "refused":
            assert isinstance(answer, Refused)


UNIDENTIFIED = {"FILLER": "", "PLACER": "", "ACC1": "", "SEC": "", "P1^^^H^MR": "", "1.2.3.4": ""}


@pytest.mark.parametrize(("mode", "wanted"), [("A", "|"), ("C", "AL|NE")], ids=["original", "enhanced"])
@pytest.mark.parametrize(
    ("result", "change"),
    [("A", {}), ("E", UNIDENTIFIED), ("R", {"|P|2.5.1": "||2.5.1"})],
    ids=["taken", "not taken", "header at fault"],
)
def test_each_acknowledgement_code_of_the_profile_is_given(
    result: str, change: dict[str, str], mode: str, wanted: str
) -> None:
    message = read_message(_changed(MESSAGE.format(wanted=wanted), change), Hl7Settings())

    answer = acknowledge(message.header, message.fault, STAMP)

    given = answer.commit or answer.application
    assert given is not None
    assert given.code == mode + result
    assert given.code in CODES


READ = [place for places, _ in FIELDS for place in places.split(", ") if place not in HEADER]


@pytest.mark.parametrize("place", READ)
def test_each_field_of_the_profile_is_read(place: str) -> None:
    message = MERGE if place.startswith("MRG") else MESSAGE.format(wanted="|")
    segment, number = place.split("-")
    lines = message.split("\r")
    at = next(index for index, line in enumerate(lines) if line.startswith(segment))
    if first := BEFORE.get(place):
        lines = [line.replace(*first) for line in lines]
    as_sent = read_message("\r".join(lines).encode(), Hl7Settings())
    fields = lines[at].split("|")
    fields[int(number)] = OTHERWISE.get(place, "OTHER9")
    lines[at] = "|".join(fields)

    otherwise = read_message("\r".join(lines).encode(), Hl7Settings())

    assert (as_sent.reports, as_sent.adt) != (otherwise.reports, otherwise.adt)


def _changed(text: str, change: dict[str, str]) -> bytes:
    for old, new in change.items():
        text = text.replace(old, new)
    return text.encode()

"""What the conformance statement and the HL7 profile say, held against what is sent to us and by us."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pynetdicom import AE, evt
from pynetdicom.events import Event
from pynetdicom.sop_class import MRImageStorage  # type: ignore[attr-defined]

from config.settings import Hl7Settings, Peer, Settings
from integrations.dicom.calling import Refused, Unreachable
from integrations.dicom.sender import TREATMENTS, Delivered, Treatment, send_objects
from integrations.dicom.statement import conformance_statement
from integrations.hl7.profile import hl7_profile
from tests.odd.dicom.make_cases import write_case

DOCS = Path(__file__).parents[2] / "docs" / "reference"


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

"""Links that break: what was acknowledged is there once, and one link that stalls holds up no other."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from config.settings import Peer
from integrations.dicom.calling import Unreachable
from integrations.dicom.sender import Delivered, send_objects
from tests.faults.hospital import draw_small
from tests.faults.links import Links, break_at_random, check, running_links, send_message
from tests.peers.bad_link import Break, Fault, running_bad_link
from tests.peers.dicom import running_storescp
from tests.waiting import wait_until

POINTS = 10
STALL = 20.0
AFTER_ACCEPTANCE = 225
"""Bytes of answers: the A-ASSOCIATE-AC has 221, and the C-STORE-RSP that follows 148."""


@pytest.fixture(scope="module")
def links(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Links]:
    with running_links(tmp_path_factory.mktemp("links")) as running:
        yield running


@pytest.mark.long
@pytest.mark.timeout(900)
def test_whatever_link_breaks_at_random_all_that_was_acknowledged_is_there_once(links: Links) -> None:
    break_at_random(links, POINTS, seed=11)

    seen = check(links)
    assert seen["links broken"] > POINTS


@pytest.mark.long
def test_a_sender_that_stalls_in_mid_object_or_mid_message_holds_up_no_other(links: Links, tmp_path: Path) -> None:
    stalled = draw_small(tmp_path, "stalled", images=2)
    other = draw_small(tmp_path, "other", images=2)
    links.images.breaks.append(Break(Fault.STALL, 5000, STALL))
    links.report.breaks.append(Break(Fault.STALL, 100, STALL))
    peer = Peer(name="us", ae_title="SPINELABEL", port=links.images.port)
    with ThreadPoolExecutor(2) as senders:
        images = senders.submit(send_objects, stalled.images, peer, "TEST")
        report = senders.submit(send_message, links.report.port, stalled.message.read_bytes())
        wait_until(lambda: not links.images.breaks and not links.report.breaks, "both to be under way")
        began = time.monotonic()
        assert all(isinstance(answer, Delivered) for answer in send_objects(other.images, peer, "OTHER"))
        assert b"MSA|AA" in send_message(links.report.port, other.message.read_bytes())
        assert time.monotonic() - began < STALL / 2
        assert not images.done()
        assert not report.done()
        assert {type(answer) for answer in images.result(60)} == {Unreachable}
        assert report.result(60) == b""


@pytest.mark.parametrize("fault", [Fault.CUT, Fault.STALL, Fault.LOSS])
def test_what_goes_to_a_pacs_over_a_broken_link_counts_as_not_delivered_and_goes_again_as_the_same_object(
    fault: Fault, tmp_path: Path
) -> None:
    image = draw_small(tmp_path, "image", images=1).images[0]
    after = AFTER_ACCEPTANCE if fault is Fault.LOSS else 3000
    with (
        running_storescp(tmp_path / "pacs", "--fork") as pacs,
        running_bad_link(pacs.port) as link,
    ):
        link.breaks.append(Break(fault, after, seconds=0.5))
        peer = pacs.model_copy(update={"port": link.port})
        (first,) = send_objects([image], peer, "TEST")
        has_it = bool(list((tmp_path / "pacs").iterdir()))
        (second,) = send_objects([image], peer, "TEST")

    assert [each.fault for each in link.happened] == [fault]
    assert has_it == (fault is Fault.LOSS)
    assert isinstance(first, Unreachable)
    assert isinstance(second, Delivered)
    assert len(list((tmp_path / "pacs").iterdir())) == 1

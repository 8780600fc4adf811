"""A back-load campaign: a file of studies, fetched at a bounded rate, again from where it stopped."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from pydicom import dcmread
from sqlalchemy import Engine

from config.fetch_settings import FetchSettings
from config.settings import Settings
from integrations.dicom.sender import send_objects
from service.campaign_files import read_campaign
from service.campaigns import begin_campaign
from service.errors import UnusableCampaign
from service.store.columns import utc_now
from service.store.fetch_tables import ACCESSION, STUDY_UID
from service.store.states import FetchState
from tests.odd.dicom.make_cases import write_case
from tests.peers.archives import answering, deciding_archive, running_dcmqrscp
from tests.service.fetching import Site


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    def written(text: str) -> Path:
        path = tmp_path / "studies.csv"
        path.write_text(text, encoding="utf-8-sig")
        return path

    return written


def spinelabel(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "service.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_rows_name_studies_by_either_column_and_bad_ones_are_told_by_their_line(write: Callable[[str], Path]) -> None:
    campaign = read_campaign(write("Name;Accession Number;study_uid\nx;A1;\nx;A1;\nx;A2;1.2.3\nx;;\nx;A*;\nx;;a.b\n"))

    assert [(each.by, each.value) for each in campaign.wanted] == [(ACCESSION, "A1"), (STUDY_UID, "1.2.3")]
    assert [row.line for row in campaign.bad] == [5, 6, 7]


@pytest.mark.parametrize("text", ["", "patient\n1\n"])
def test_a_file_without_a_column_of_use_is_refused(text: str, write: Callable[[str], Path]) -> None:
    with pytest.raises(UnusableCampaign, match="accession"):
        read_campaign(write(text))


def test_a_campaign_keeps_to_its_rate_and_gives_way_to_reports(
    engine: Engine, tmp_path: Path, write: Callable[[str], Path]
) -> None:
    file = write("accession\n" + "".join(f"C{number}\n" for number in range(5)))
    with deciding_archive([answering()]) as archive:
        fetch = FetchSettings(campaign_per_hour=60, tries=1, wait_seconds=0)
        site = Site(engine, Settings(data=tmp_path, peers=(archive,), fetch=fetch), utc_now())
        begin_campaign(engine, read_campaign(file).wanted, site.now)
        site.report("1", obr18="R1")
        site.go_on(1)
        states = {each.wanted: each.state for each in site.fetches()}
        assert states["R1"] == FetchState.GIVEN_UP
        for _ in range(12):
            site.go_on(10)

    ended = [each.wanted for each in site.fetches() if each.wanted != "R1" and each.state == FetchState.GIVEN_UP]
    assert len(ended) == 3


def test_the_same_file_again_asks_for_nothing_twice_and_goes_on_with_what_was_given_up(
    engine: Engine, tmp_path: Path, write: Callable[[str], Path]
) -> None:
    campaign = read_campaign(write("accession\nC1\nC2\n"))
    assert begin_campaign(engine, campaign.wanted, utc_now()).is_new == 2
    with deciding_archive([answering()]) as archive:
        settings = Settings(data=tmp_path, peers=(archive,), fetch=FetchSettings(tries=1))
        site = Site(engine, settings, utc_now())
        site.go_on(1)
        assert site.fetches()[0].state == FetchState.GIVEN_UP
        assert begin_campaign(engine, campaign.wanted, utc_now()).is_new == 0

    assert {each.state for each in site.fetches()} == {FetchState.WAITING}


def test_a_dry_run_says_what_the_archive_would_give(tmp_path: Path, write: Callable[[str], Path]) -> None:
    write_case("plain", tmp_path / "plain")
    paths = sorted((tmp_path / "plain").rglob("*.dcm"))
    accession = dcmread(paths[0]).AccessionNumber
    with running_dcmqrscp(tmp_path / "archive") as archive:
        send_objects(paths, archive, "SPINELABEL")
        config = tmp_path / "site.yaml"
        peer = {"name": "archive", "ae_title": archive.ae_title, "port": archive.port, "may": ["query"]}
        config.write_text(yaml.safe_dump({"data": str(tmp_path / "data"), "peers": [peer]}))
        file = write(f"accession\n{accession}\nNOBODY\n*\n")
        dry = spinelabel("fetch", file, "--config", config, "--dry-run", "--json")
        kept = spinelabel("fetch", file, "--config", config, "--json")

    assert dry.returncode == 0
    studies = json.loads(dry.stdout)["studies"]
    assert [(each["peer"], each["studies"], each["objects"]) for each in studies] == [("archive", 1, 11), ("", 0, None)]
    assert "Line 4 is left out" in dry.stderr
    assert kept.returncode == 0
    assert [each["state"] for each in json.loads(kept.stdout)["studies"]] == ["waiting", "waiting"]
    assert "spinelabel serve" in kept.stderr


def test_without_a_peer_that_may_be_queried_it_says_what_to_set(tmp_path: Path, write: Callable[[str], Path]) -> None:
    config = tmp_path / "site.yaml"
    config.write_text(yaml.safe_dump({"data": str(tmp_path / "data")}))

    failed = spinelabel("fetch", write("accession\nA1\n"), "--config", config)

    assert failed.returncode == 1
    assert "`query`" in failed.stderr

from pathlib import Path
from typing import get_args

import pytest

from config.detector_kinds import DETECTOR_PACKAGES, DetectorKind
from config.errors import UnusableSettings
from config.settings import Settings, load_settings

ROOT = Path(__file__).resolve().parents[2]


def site(tmp_path: Path, content: str) -> Path:
    path = tmp_path / "site.yaml"
    path.write_text(content)
    return path


def test_everything_has_a_default() -> None:
    assert load_settings() == Settings()


def test_the_example_of_a_site_is_usable() -> None:
    assert load_settings(ROOT / "deploy" / "site.yaml").peer("pacs").ae_title == "PACS"


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPINELABEL__dicom__port", "104")

    settings = load_settings(site(tmp_path, "dicom: {port: 105, ae_title: MINE}"))

    assert (settings.dicom.port, settings.dicom.ae_title) == (104, "MINE")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        pytest.param("dicm: {}", "dicm is no known key; the nearest is `dicom`", id="a misspelt section"),
        pytest.param("dicom: {prt: 1}", "dicom.prt is no known key; the nearest is `port`", id="a misspelt key"),
        pytest.param(
            "peers: [{name: a, ae_titel: B}]",
            "peers.0.ae_titel is no known key; the nearest is `ae_title`",
            id="in a list",
        ),
        pytest.param("dicom: {port: many}", "dicom.port", id="a value of another type"),
        pytest.param("dicom: {ae_title: LONGER-THAN-SIXTEEN}", "dicom.ae_title", id="an AE title that is too long"),
        pytest.param("hl7: {time_zone: Mars/North}", "Europe/Berlin", id="a time zone that does not exist"),
        pytest.param("destinations: [{peer: pacs}]", "names the peer pacs", id="a destination without its peer"),
        pytest.param(
            "peers: [{name: a, ae_title: A}]\ndestinations: [{peer: a}, {peer: a}]", "stands there twice", id="twice"
        ),
        pytest.param("dicom: {host: 192.0.2.1}", "dicom.calling", id="a receiver that is open to all"),
        pytest.param(
            "dicom: {host: 192.0.2.1}\npeers: [{name: a, ae_title: A, may: [query]}]",
            "list who may send in `peers`",
            id="a receiver whose only peer may not send",
        ),
        pytest.param("dicom: {tls: {}}", "dicom.tls needs `certificate` and `key`", id="TLS without a certificate"),
        pytest.param("dicom: {max_pdu_bytes: 2000000}", "dicom.max_pdu_bytes", id="a PDU beyond the ceiling"),
        pytest.param("images: {encoder: embeded}", "`embedded`, or a section", id="an encoder that does not exist"),
        pytest.param(
            "images: {encoder: {kind: torchvision, name: resnet18, weigths: w.pth}}",
            "images.encoder.weigths is no known key; the nearest is `weights`",
            id="in the section of an encoder",
        ),
        pytest.param(
            "hl7: {tls: {}}", "hl7.tls needs `certificate` and `key`", id="reports by TLS without a certificate"
        ),
        pytest.param(
            "web: {tls: {}}", "web.tls needs `certificate` and `key`", id="a page by TLS without a certificate"
        ),
        pytest.param("web: {host: 192.0.2.1}", "loopback", id="a page without accounts that is open to all"),
        pytest.param(
            "reports: {server: {url: 'http://me:secret@host/v1', model: m}}",
            "reports.server.url",
            id="a URL with a password",
        ),
        pytest.param(
            "reports: {server: {url: 'http://host/v1', modl: m}}",
            "reports.server.modl is no known key; the nearest is `model`",
            id="in a section that may be left out",
        ),
        pytest.param("[1, 2]", "keys and values", id="no keys"),
        pytest.param("dicom: {", "not YAML", id="no YAML"),
    ],
)
def test_what_cannot_be_used_is_named_with_its_place(tmp_path: Path, content: str, sentence: str) -> None:
    path = site(tmp_path, content)

    with pytest.raises(UnusableSettings) as refusal:
        load_settings(path)

    assert sentence in str(refusal.value)
    assert str(path) in str(refusal.value)


def test_a_receiver_may_be_reached_by_others_once_a_peer_may_send(tmp_path: Path) -> None:
    content = "dicom: {host: 192.0.2.1}\npeers: [{name: a, ae_title: A, host: 192.0.2.2}]"

    assert load_settings(site(tmp_path, content)).dicom.calling == ()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnusableSettings, match="No such file"):
        load_settings(tmp_path / "none.yaml")


def test_settings_cannot_be_changed_after_the_start() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().dicom.port = 1


SPINENET = "images: {detector: {kind: spinenet, python: /opt/spinenet/bin/python"


def test_a_detector_is_named_by_its_kind_alone_or_with_what_its_program_needs(tmp_path: Path) -> None:
    assert load_settings(site(tmp_path, "images: {detector: embedded}")) == load_settings()

    detector = load_settings(site(tmp_path, SPINENET + ", licence: accepted}}")).images.detector

    assert (detector.kind, detector.python) == ("spinenet", Path("/opt/spinenet/bin/python"))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        pytest.param(SPINENET + "}}", r"non-commercial research only.*licence: accepted", id="a licence not accepted"),
        pytest.param("images: {detector: totalspineseg}", r"totalspineseg needs `python`", id="no interpreter"),
        pytest.param("images: {detector: {kind: spineps, pyhton: /x}}", r"nearest is `python`", id="a misspelt key"),
        pytest.param("images: {detector: spinnet}", r"images\.detector\.kind", id="a kind that is none"),
    ],
)
def test_a_detector_that_cannot_be_used_is_refused_with_what_it_needs(
    tmp_path: Path, content: str, sentence: str
) -> None:
    with pytest.raises(UnusableSettings, match=sentence):
        load_settings(site(tmp_path, content))


def test_every_kind_of_detector_but_ours_has_its_licence_on_record() -> None:
    assert {"embedded", *DETECTOR_PACKAGES} == set(get_args(DetectorKind))


def test_the_embedded_encoder_can_be_asked_for_by_name(tmp_path: Path) -> None:
    assert load_settings(site(tmp_path, "images: {encoder: embedded}")) == Settings()


def test_an_encoder_can_be_set_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPINELABEL__images__encoder", '{"kind": "torchvision", "name": "resnet18", "weights": "w.pth"}')
    chosen = load_settings().images.encoder
    monkeypatch.setenv("SPINELABEL__images__encoder", "embedded")

    assert (chosen.name if chosen else None, load_settings().images.encoder) == ("resnet18", None)

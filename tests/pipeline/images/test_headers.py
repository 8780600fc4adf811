from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.uid import DeflatedExplicitVRLittleEndian

from pipeline.images.errors import NotAnImage
from pipeline.images.headers import read_header, read_images
from tests.odd.dicom.enhanced import enhanced
from tests.odd.dicom.phantom import save, t2_series
from tests.pipeline.images.phantom import mr_image, save_all


def encoded() -> bytes:
    buffer = BytesIO()
    mr_image(1, (0.0, 0.0, 0.0)).save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


FILE = encoded()


def test_a_header_holds_geometry_and_times(tmp_path: Path) -> None:
    (path,) = save_all([mr_image(3, (4.4, -80.0, 120.0))], tmp_path)

    header = read_header(path)

    assert header.plane is not None
    assert (header.plane.position, header.plane.spacing) == ((4.4, -80.0, 120.0), (10.0, 10.0))
    assert (header.echo_time, header.repetition_time, header.inversion_time) == (102.0, 3500.0, None)
    assert (header.label, header.pixel_fault) == ("3", "")


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    changes=st.dictionaries(st.integers(128, len(FILE) - 750), st.integers(0, 255), max_size=6),
    end=st.one_of(st.just(len(FILE)), st.integers(0, len(FILE))),
)
def test_a_damaged_file_gives_a_header_or_a_named_error(changes: dict[int, int], end: int, tmp_path: Path) -> None:
    path = tmp_path / "damaged.dcm"
    damaged = bytearray(FILE)
    for place, value in changes.items():
        damaged[place] = value
    path.write_bytes(damaged[:end])
    try:
        header = read_header(path)
    except NotAnImage:
        return

    assert header.series_uid


def test_each_frame_has_the_values_of_its_single_image(tmp_path: Path) -> None:
    singles = t2_series("frames", ScanOptions="FS")
    save(enhanced("frames", [singles]), tmp_path / "frames.dcm")
    save(singles[3], tmp_path / "single.dcm")

    frame, single = read_images(tmp_path / "frames.dcm")[3], read_header(tmp_path / "single.dcm")

    assert frame.plane == single.plane
    for field in ("echo_time", "repetition_time", "inversion_time", "scanning", "fat_suppressed", "acquired"):
        assert getattr(frame, field) == getattr(single, field)
    assert (frame.frame, frame.label) == (4, "1 frame 4")
    assert read_header(tmp_path / "frames.dcm", 4) == frame


def test_frames_are_read_from_a_deflated_file(tmp_path: Path) -> None:
    save(enhanced("frames", [t2_series("frames")]), tmp_path / "frames.dcm", DeflatedExplicitVRLittleEndian)

    assert [image.pixel_fault for image in read_images(tmp_path / "frames.dcm")] == [""] * 11


def test_functional_groups_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    ds = enhanced("frames", [t2_series("frames")])
    save(ds, tmp_path / "frames.dcm")
    data = (tmp_path / "frames.dcm").read_bytes()
    tag = b"\x00\x52\x30\x92SQ"
    assert data.count(tag) == 1
    (tmp_path / "frames.dcm").write_bytes(data.replace(tag, tag[:4] + b"UT"))

    with pytest.raises(NotAnImage, match="has functional groups that cannot be read"):
        read_images(tmp_path / "frames.dcm")


def test_a_frame_that_is_not_there_is_named(tmp_path: Path) -> None:
    save(enhanced("frames", [t2_series("frames")]), tmp_path / "frames.dcm")

    with pytest.raises(NotAnImage, match="has no frame 12"):
        read_header(tmp_path / "frames.dcm", 12)

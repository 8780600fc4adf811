from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.images.errors import NotAnImage
from pipeline.images.headers import read_header
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

"""A day of a hospital's traffic: studies whose images come late, twice or changed, and the messages about them."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pydicom import Dataset

from tests.odd.dicom.phantom import mr, positions, save, uid

IMAGES = 25
LATE = 5


@dataclass(frozen=True)
class Study:
    """A study by its number, which decides what is odd about it."""

    number: int

    @property
    def is_late(self) -> bool:
        """Its last images come an hour after the others."""
        return self.number % 7 == 0

    @property
    def is_sent_twice(self) -> bool:
        """The whole of it comes again, unchanged."""
        return self.number % 20 == 0

    @property
    def is_changed(self) -> bool:
        """An image comes again with other content."""
        return self.number % 25 == 0

    @property
    def is_corrected(self) -> bool:
        """Its final report is corrected an hour later."""
        return self.number % 3 == 0


def write_study(study: Study, folder: Path) -> tuple[Path, ...]:
    """Write the images of a study."""
    return tuple(_write(study, number, folder / f"{study.number}-{number:02}.dcm") for number in range(IMAGES))


def write_changed(study: Study, folder: Path) -> Path:
    """Write the first image of a study with other content."""
    return _write(study, 0, folder / f"{study.number}-changed.dcm", "changed")


@cache
def _image(number: int) -> Dataset:
    return mr("soak", "t2", number + 1, positions(IMAGES)[number])


def _write(study: Study, number: int, path: Path, comment: str | None = None) -> Path:
    image = _image(number)
    image.StudyInstanceUID, image.SeriesInstanceUID = uid("soak", study.number), uid("soak", study.number, "series")
    image.SOPInstanceUID = uid("soak", study.number, number)
    image.PatientID, image.PatientName = f"SOAK{study.number:05}", f"Soak^{study.number}"
    image.AccessionNumber, image.ImageComments = _accession(study), comment
    save(image, path)
    return path


def report(study: Study, status: str, control: str, minute: int) -> bytes:
    """Give a message with the report of a study, of that status (HL7 table 0123)."""
    at = f"20260302{study.number % 24:02}{minute:02}00"
    lines = [
        f"MSH|^~\\&|RIS|SOAK|SPINELABEL||{at}||ORU^R01^ORU_R01|{control}|P|2.5.1",
        f"PID|1||SOAK{study.number:05}||Soak^{study.number}",
        f"OBR|1||{_accession(study)}|MRLS^MR LUMBAR SPINE^L|||{at}|||||||||||{_accession(study)}||||{at}|||{status}",
        f"OBX|1|TX|MRLS||Report {status} of {control}.||||||{status}",
    ]
    return "".join(f"{line}\r" for line in lines).encode()


def first_messages(study: Study) -> Iterator[bytes]:
    """Give what comes with a study: preliminary, final, the final again, and under another control id."""
    yield report(study, "P", f"{study.number}P", 10)
    final = report(study, "F", f"{study.number}F", 20)
    yield final
    yield final
    yield final.replace(f"|{study.number}F|".encode(), f"|{study.number}G|".encode())
    yield report(study, "P", f"{study.number}Q", 15)


def stray_messages(hour: int) -> Iterator[bytes]:
    """Give what belongs to no study: reports of other hospitals, updates of patients, and what is no message."""
    for number in range(10):
        yield report(Study(90000 + hour * 100 + number), "F", f"stray{hour}-{number}", 30)
    for number in range(10):
        update = (
            f"MSH|^~\\&|ADT|SOAK|||20260302||ADT^A08^ADT_A01|A{hour}-{number}|P|2.5.1\rPID|1||X{number}||Else^Who\r"
        )
        yield update.encode()
    yield b"this is no message"


def _accession(study: Study) -> str:
    return f"SOAKACC{study.number:05}"

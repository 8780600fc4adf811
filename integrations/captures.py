"""A picture as a DICOM secondary capture, which any viewer shows beside the images it was made from."""

from collections.abc import Sequence
from datetime import datetime

import numpy as np
from highdicom import CoordinateSystemNames, PhotometricInterpretationValues
from highdicom.sc import SCImage
from PIL import Image
from pydicom import Dataset
from pydicom.uid import generate_uid
from pydicom.valuerep import DA, DT, TM

from integrations.sr.header import local_to, patient_and_study

_SERIES_NUMBER = 9701
_SERIES_DESCRIPTION = "Spinelabel discs"
_USUAL = ("P", "F")  # of a sagittal image; highdicom wants one, and the image's own takes its place


def write_capture(
    picture: Image.Image, shown: Dataset, software: str, made_at: datetime, charset: str = "ISO_IR 100"
) -> Dataset:
    """Make a secondary capture of a picture (PS3.3 A.8.1), in a series of its own in the study of the image shown.

    Args:
        picture: RGB, its rows and columns along those of the image shown.
        shown: the image that the picture shows, not decoded yet, for patient, study and orientation.
        software: name and version that made it.
        made_at: when, with its zone.
        charset: defined term of the character set for text of the image that does not fit its own declaration.
    """
    capture = SCImage(
        pixel_array=np.asarray(picture.convert("RGB")),
        photometric_interpretation=PhotometricInterpretationValues.RGB,
        bits_allocated=8,
        coordinate_system=CoordinateSystemNames.PATIENT,
        patient_orientation=_USUAL,
        study_instance_uid=str(shown.StudyInstanceUID),
        series_instance_uid=generate_uid(),
        series_number=_SERIES_NUMBER,
        series_description=_SERIES_DESCRIPTION,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="Spinelabel",
        software_versions=software,
        specific_character_set="ISO_IR 192",
    )
    capture.update(patient_and_study(shown, charset))
    capture.BodyPartExamined = "SPINE"  # which is not paired, so that no laterality is asked for
    capture.PatientOrientation = patient_orientation(shown)
    if burned_in := shown.get("BurnedInAnnotation"):
        capture.BurnedInAnnotation = burned_in
    _date(capture, local_to(shown, made_at))
    return capture


def patient_orientation(image: Dataset) -> list[str]:
    """Give where an image's rows and columns point in the patient, empty where the image does not say.

    Source: DICOM PS3.3 C.7.6.1.1.1.
    """
    cosines = image.get("ImageOrientationPatient")
    if cosines is None or len(cosines) != 6:
        return []
    return [_towards(cosines[:3]), _towards(cosines[3:])]


def _towards(cosines: Sequence[float]) -> str:
    """Name the direction that a vector points in most; patient coordinates grow to the left, the back and the head."""
    axis = int(np.argmax(np.abs(np.asarray(cosines, np.float64))))
    return "LPH"[axis] if cosines[axis] > 0 else "RAF"[axis]


def _date(capture: Dataset, made_at: datetime) -> None:
    """Set all times, in the zone that the image states, instead of the machine's."""
    capture.InstanceCreationDate = capture.ContentDate = capture.DateOfSecondaryCapture = DA(made_at.date())
    capture.InstanceCreationTime = capture.ContentTime = capture.TimeOfSecondaryCapture = TM(made_at.time())
    for library in capture.get("ContributingEquipmentSequence", ()):
        library.ContributionDateTime = DT(made_at.replace(tzinfo=None))

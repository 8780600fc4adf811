"""A picture as a DICOM secondary capture, which any viewer shows beside the images it was made from."""

import numpy as np
from highdicom import CoordinateSystemNames, PhotometricInterpretationValues
from highdicom.sc import SCImage
from PIL import Image
from pydicom import Dataset
from pydicom.uid import generate_uid

_SERIES_NUMBER = 9701
_SERIES_DESCRIPTION = "Spinelabel discs"


def write_capture(picture: Image.Image, shown: Dataset, software: str) -> Dataset:
    """Make a secondary capture of a picture (PS3.3 A.8.1), in a series of its own in the study of the image shown.

    Args:
        picture: RGB.
        shown: the image that the picture shows, for patient, study and frame of reference.
        software: name and version that made it.
    """
    capture = SCImage.from_ref_dataset(
        ref_dataset=shown,
        pixel_array=np.asarray(picture.convert("RGB")),
        photometric_interpretation=PhotometricInterpretationValues.RGB,
        bits_allocated=8,
        coordinate_system=CoordinateSystemNames.PATIENT,
        patient_orientation=("P", "F"),
        series_instance_uid=generate_uid(),
        series_number=_SERIES_NUMBER,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="Spinelabel",
    )
    capture.SeriesDescription = _SERIES_DESCRIPTION
    capture.Modality = "OT"
    capture.SoftwareVersions = software
    capture.BurnedInAnnotation = "NO"
    return capture

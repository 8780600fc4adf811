"""Images that say who the patient is where nobody looks, in their references, and in their pixels."""

from pathlib import Path

import numpy as np
from pydicom import Dataset
from pydicom.uid import MRImageStorage

from tests.odd.dicom.phantom import (
    COLUMNS,
    ROWS,
    case,
    mr,
    positions,
    save,
    save_all,
    screenshot,
    t2_series,
    uid,
    write_on,
)


@case("anon-01")
def identifiers_where_nobody_looks(out: Path) -> None:
    """Name HENNESSEY, number 55-0817-3, birthday 4 July 1961, telephone 555 0142."""
    for i, ds in enumerate(t2_series("anon-01", PatientName="Hennessey^Imogen", PatientID="55-0817-3"), 1):
        ds.StudyDescription = "MRI L-spine Mrs Hennessey, 55-0817-3"
        ds.SeriesDescription = "SAG T2 HENNESSEY born 04.07.1961"
        ds.ProtocolName = "Hennessey repeat"
        ds.ImageComments = "Imogen moved; ring daughter 555 0142"
        ds.PatientComments = "Known to Dr Ablewhite"
        ds.AdditionalPatientHistory = "Seen on 11 March 2024 for back pain"
        ds.OperatorsName = "Ablewhite^Nora"
        ds.DeviceSerialNumber = "SN-0099417"
        ds.PerformedProcedureStepDescription = "L-spine I. Hennessey"
        request = Dataset()
        request.RequestedProcedureDescription = "MRI Hennessey"
        request.ScheduledProcedureStepDescription = "Hennessey 55-0817-3"
        request.RequestedProcedureID = "R-778120"
        ds.RequestAttributesSequence = [request]
        ds.add_new(0x00090010, "LO", "SAMPLE IMAGING 1")
        ds.add_new(0x00091010, "LO", "HENNESSEY IMOGEN")
        ds.add_new(0x00091011, "UN", b"pat=Hennessey;dob=19610704;id=55-0817-3;")
        nested = Dataset()
        nested.add_new(0x00110010, "LO", "SAMPLE IMAGING 2")
        nested.add_new(0x00111001, "PN", "Hennessey^Imogen")
        ds.add_new(0x00091012, "SQ", [nested])
        save(ds, out / f"{i:03}.dcm")


@case("anon-02")
def references_that_must_still_meet(out: Path) -> None:
    t2 = t2_series("anon-02")
    localizer = mr("anon-02", "scout", 1, (0.0, -100.0, 150.0), SeriesDescription="localizer", SeriesNumber=1)
    for ds in t2:
        plan = Dataset()
        plan.ReferencedSOPClassUID, plan.ReferencedSOPInstanceUID = MRImageStorage, localizer.SOPInstanceUID
        ds.ReferencedImageSequence = [plan]
    derived = t2_series("anon-02", "derived", ImageType=["DERIVED", "PRIMARY", "M", "FILTERED"], SeriesNumber=103)
    for source, ds in zip(t2, derived, strict=True):
        origin = Dataset()
        origin.ReferencedSOPClassUID, origin.ReferencedSOPInstanceUID = MRImageStorage, source.SOPInstanceUID
        ds.SourceImageSequence = [origin]
        earlier = Dataset()
        earlier.ReferencedSOPClassUID, earlier.ReferencedSOPInstanceUID = MRImageStorage, uid("anon-02", "earlier")
        series = Dataset()
        series.SeriesInstanceUID = uid("anon-02", "earlier series")
        series.ReferencedInstanceSequence = [earlier]
        prior = Dataset()
        prior.StudyInstanceUID = uid("anon-02", "a study of last year")
        prior.ReferencedSeriesSequence = [series]
        ds.StudiesContainingOtherReferencedInstancesSequence = [prior]
    save_all([localizer, *t2, *derived], out)


@case("anon-03")
def burned_in_text(out: Path) -> None:
    save(screenshot("anon-03", "saved", 1, SeriesNumber=99), out / "1-screenshot.dcm")
    save(
        screenshot("anon-03", "saved", 2, SeriesNumber=99, BurnedInAnnotation="NO"),
        out / "2-screenshot-says-no.dcm",
    )
    marked = mr("anon-03", "marked", 1, positions()[5], BurnedInAnnotation="YES", SeriesNumber=7)
    image = np.frombuffer(marked.PixelData, np.uint16).reshape(ROWS, COLUMNS).copy()
    marked.PixelData = write_on(image, 4095).tobytes()
    save(marked, out / "3-mr-says-yes.dcm")
    saved = mr("anon-03", "marked", 2, positions()[6], ImageType=["DERIVED", "SECONDARY", "OTHER", "SCREEN SAVE"])
    image = np.frombuffer(saved.PixelData, np.uint16).reshape(ROWS, COLUMNS).copy()
    saved.PixelData = write_on(image, 4095).tobytes()
    save(saved, out / "4-mr-screen-save.dcm")
    save(mr("anon-03", "t2", 1, positions()[5]), out / "5-clean.dcm")

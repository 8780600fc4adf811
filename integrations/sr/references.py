"""What a structured report points at: the report behind it, the order, the version before it, our coding scheme."""

from highdicom.coding_schemes import CodingSchemeIdentificationItem
from highdicom.sr import TextContentItem
from pydicom import Dataset

from integrations.sr import codes
from integrations.sr.groups import concept, text_item
from integrations.sr.values import PreviousSr, ReportReference


def source_report(report: ReportReference) -> TextContentItem:
    """Name a report that came by HL7; it is no DICOM object, so it can only be named in words."""
    parts = {
        "MSH-10": report.control_id,
        "filler order number": report.filler_order_number,
        "status": report.status,
        "sha256": report.sha256,
    }
    return text_item(codes.SOURCE_REPORT, "; ".join(f"{name} {value}" for name, value in parts.items() if value))


def requested_procedure(report: ReportReference, header: Dataset, study_uid: str) -> Dataset:
    """Make the Referenced Request item of a report's order, complete, empty where unknown (PS3.3 C.17.2)."""
    request = Dataset()
    request.StudyInstanceUID = study_uid
    request.ReferencedStudySequence = []
    request.AccessionNumber = report.accession_number or header.AccessionNumber
    request.PlacerOrderNumberImagingServiceRequest = report.placer_order_number
    request.FillerOrderNumberImagingServiceRequest = report.filler_order_number
    request.RequestedProcedureID = ""
    request.RequestedProcedureDescription = ""
    request.RequestedProcedureCodeSequence = []
    return request


def predecessor(previous: PreviousSr, study_uid: str, sop_class_uid: str) -> Dataset:
    """Make the Predecessor Documents item of the version that is replaced, with its purpose (PS3.16 CID 7009)."""
    instance = Dataset()
    instance.ReferencedSOPClassUID = sop_class_uid
    instance.ReferencedSOPInstanceUID = previous.sop_instance_uid
    instance.PurposeOfReferenceCodeSequence = [concept(codes.REPLACED_REPORT)]
    series = Dataset()
    series.SeriesInstanceUID = previous.series_instance_uid
    series.ReferencedSOPSequence = [instance]
    item = Dataset()
    item.StudyInstanceUID = study_uid
    item.ReferencedSeriesSequence = [series]
    return item


def private_scheme() -> CodingSchemeIdentificationItem:
    """Declare our coding scheme (PS3.3 C.12.1.1.1)."""
    return CodingSchemeIdentificationItem(
        designator=codes.PRIVATE_SCHEME,
        name=codes.PRIVATE_SCHEME_NAME,
        version=codes.PRIVATE_SCHEME_VERSION,
        responsible_organization="Spinelabel",
    )

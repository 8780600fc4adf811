"""Findings of one study as a Comprehensive SR (TID 1500), one measurement group per condition, level and source."""

from collections import Counter
from collections.abc import Sequence

from highdicom.sr import (
    ComprehensiveSR,
    DeviceObserverIdentifyingAttributes,
    MeasurementReport,
    ObservationContext,
    ObserverContext,
)
from pydicom import Dataset
from pydicom.uid import ComprehensiveSRStorage
from pydicom.valuerep import DA, DT, TM

from config.conditions import Code
from integrations.sr import codes
from integrations.sr.errors import InconsistentFinding, MixedStudy, NoEvidence, NothingToWrite, UnwritableSr
from integrations.sr.groups import GroupContext, concept, measurement_group, text_item
from integrations.sr.header import local_to, patient_and_study, patient_id
from integrations.sr.identifiers import MANUFACTURER, derived_uid, tracking_identifier
from integrations.sr.references import predecessor, private_scheme, requested_procedure, source_report
from integrations.sr.values import Installation, SrContent, SrInstance, SrStudy
from integrations.sr.wording import disclaimer
from pipeline.values import Finding

SERIES_DESCRIPTION = "Spinelabel findings (machine-made)"
SERIES_NUMBER = 9900
"""High, so that it follows the scanner's series in a viewer's list."""


def write_sr(study: SrStudy, content: SrContent, instance: SrInstance, installation: Installation) -> Dataset:
    """Write the findings of a study as a structured report, with file meta information (Explicit VR Little Endian).

    The report is complete, unverified and preliminary, lies in the study that it describes, and is in ISO_IR 192.
    The same arguments give the same bytes. All reports of one installation on one study share a series.

    Raises:
        NothingToWrite: there is no finding; the destination gets no report.
        NoEvidence: no image was given, or not those that findings were read on.
        MixedStudy: the images name several studies or patients.
        InconsistentFinding: a finding contradicts itself, or two are about the same thing.
        UnwritableSr: the identifiers of the images do not fit into a report.

    Source: DICOM PS3.16 TID 1500, PS3.3 A.35.3.
    """
    if not content.findings:
        raise NothingToWrite("No finding is left for this destination. Send it no structured report.")
    _refuse_twins(content.findings)
    study_uid = _one_study(study)
    header = patient_and_study(study.images[0], study.charset)
    read = _images_read(study, content.findings)
    context = GroupContext(
        study_uid=study_uid,
        conditions={condition.name: condition for condition in installation.conditions},
        images={str(image.SOPInstanceUID): image for image in read},
        series_uid=study.series_uid,
    )
    tree = _content_tree(content, header, installation, context)
    try:
        document = _document(tree, read or study.images[:1], instance, installation)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UnwritableSr(f"The report does not fit into a document ({type(error).__name__}).") from error
    _complete(document, study, content, instance, header)
    return document


def _refuse_twins(findings: Sequence[Finding]) -> None:
    names = Counter(tracking_identifier(finding.condition, finding.level, finding.source) for finding in findings)
    if twice := [name for name, times in names.items() if times > 1]:
        raise InconsistentFinding(f"There are two findings of {twice[0]}. Give the one in force.")


def _one_study(study: SrStudy) -> str:
    if not study.images:
        raise NoEvidence("No image of the study is here, so there is no study to write into. Fetch the study.")
    studies = {str(image.get("StudyInstanceUID", "")) for image in study.images}
    patients = {patient_id(image, study.charset) for image in study.images}
    if len(studies) > 1 or len(patients) > 1:
        raise MixedStudy(f"The images name {len(studies)} studies and {len(patients)} patient IDs. Have one decided.")
    return studies.pop()


def _images_read(study: SrStudy, findings: Sequence[Finding]) -> list[Dataset]:
    """Give the images of the chosen series, and of every other that findings were read from."""
    series = {study.series_uid, *(finding.series_uid for finding in findings)} - {None}
    read = [image for image in study.images if image.get("SeriesInstanceUID") in series]
    if len({image.SeriesInstanceUID for image in read}) < len(series):
        raise NoEvidence("No image of a series that was read was given. Give all images of the series.")
    return read


def _content_tree(
    content: SrContent, header: Dataset, installation: Installation, context: GroupContext
) -> MeasurementReport:
    observer = DeviceObserverIdentifyingAttributes(
        uid=installation.device_uid,
        name=installation.name,
        manufacturer_name="Spinelabel",
        model_name="Spinelabel",
    )
    tree = MeasurementReport(
        observation_context=ObservationContext(
            observer_device_context=ObserverContext(concept(codes.DEVICE), observer)
        ),
        procedure_reported=concept(_procedure(header)),
        imaging_measurements=[measurement_group(finding, context) for finding in content.findings],
        title=concept(codes.TITLE),
    )
    words = disclaimer(content.findings, installation.version, content.left_out)
    tree[0].ContentSequence.append(text_item(codes.COMMENT, words))
    if content.report is not None:
        tree[0].ContentSequence.append(source_report(content.report))
    return tree


def _procedure(header: Dataset) -> Code:
    """Give the study's own procedure where it is coded in full, else MRI of the spine."""
    for item in header.get("ProcedureCodeSequence", []):
        value = item.get("CodeValue", "") or item.get("LongCodeValue", "")
        code = Code(value, item.get("CodingSchemeDesignator", ""), item.get("CodeMeaning", ""))
        if all(code) and len(code.meaning) <= 64:
            return code
    return codes.PROCEDURE


def _document(
    tree: MeasurementReport, evidence: Sequence[Dataset], instance: SrInstance, installation: Installation
) -> ComprehensiveSR:
    bare = [_bare_reference(image) for image in evidence]
    device_series = derived_uid("series", installation.device_uid, bare[0].StudyInstanceUID)
    previous = instance.previous
    return ComprehensiveSR(
        evidence=bare,
        content=tree[0],
        series_instance_uid=previous.series_instance_uid if previous else device_series,
        series_number=SERIES_NUMBER,
        sop_instance_uid=instance.sop_instance_uid,
        instance_number=previous.instance_number + 1 if previous else 1,
        manufacturer=MANUFACTURER,
        manufacturer_model_name="Spinelabel",
        software_versions=installation.version,
        is_complete=True,
        series_description=SERIES_DESCRIPTION,
        coding_schemes=[private_scheme()],
        specific_character_set="ISO_IR 192",
    )


def _bare_reference(image: Dataset) -> Dataset:
    """Keep of an image what evidence needs; patient and study are set from the header afterwards."""
    bare = Dataset()
    for keyword in ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"):
        setattr(bare, keyword, image.get(keyword))
    for keyword in ("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber"):
        setattr(bare, keyword, "")
    for keyword in ("StudyID", "StudyDate", "StudyTime", "ReferringPhysicianName"):
        setattr(bare, keyword, "")
    return bare


def _complete(document: Dataset, study: SrStudy, content: SrContent, instance: SrInstance, header: Dataset) -> None:
    """Set what highdicom leaves to others: patient and study, order, predecessor, and the times passed in."""
    document.update(header)
    if content.report is not None:
        document.ReferencedRequestSequence = [requested_procedure(content.report, header, document.StudyInstanceUID)]
    if instance.previous is not None:
        document.PredecessorDocumentsSequence = [
            predecessor(instance.previous, document.StudyInstanceUID, ComprehensiveSRStorage)
        ]
    written_at = local_to(study.images[0], instance.written_at)
    document.ContentDate = document.InstanceCreationDate = DA(written_at.date())
    document.ContentTime = document.InstanceCreationTime = TM(written_at.time())
    for library in document.ContributingEquipmentSequence:
        library.ContributionDateTime = DT(written_at.replace(tzinfo=None))

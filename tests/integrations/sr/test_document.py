from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO

import pytest
from pydicom import Dataset
from pydicom.uid import ComprehensiveSRStorage

from integrations.sr.document import write_sr
from integrations.sr.errors import InconsistentFinding, MixedStudy, NoEvidence, NothingToWrite, UnwritableSr
from integrations.sr.identifiers import derived_uid
from integrations.sr.reading import read_findings
from integrations.sr.values import PreviousSr, SrContent, SrStudy
from pipeline.values import Finding, Source, Standing, State
from tests.integrations.sr.studies import (
    BOTH,
    FROM_IMAGES,
    FROM_REPORT,
    INSTALLATION,
    INSTANCE,
    PROVENANCE,
    REPORT,
    SERIES_UID,
    STUDY_UID,
    as_received,
    disc_on,
    finding,
    mr_image,
    mr_study,
    undetermined,
    written,
)


def _bytes(document: Dataset) -> bytes:
    buffer = BytesIO()
    document.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _texts(document: Dataset, concept: str) -> list[str]:
    return [item.TextValue for item in document.ContentSequence if item.ConceptNameCodeSequence[0].CodeValue == concept]


def test_the_same_inputs_give_the_same_bytes() -> None:
    assert _bytes(written()) == _bytes(written())


def test_writing_leaves_the_images_as_they_came_for_the_next_destination() -> None:
    misdeclared = as_received(mr_image(1, PatientID="MÜ-17"), swap=(b"ISO_IR 100", b"ISO_IR 192"))
    study = SrStudy((misdeclared,), SERIES_UID)

    assert written(FROM_REPORT, study).PatientID == written(FROM_REPORT, study).PatientID == "MÜ-17"


def test_a_report_is_complete_unverified_preliminary_and_says_machine_made() -> None:
    document = written()

    assert (document.CompletionFlag, document.VerificationFlag) == ("COMPLETE", "UNVERIFIED")
    assert document.PreliminaryFlag == "PRELIMINARY"
    assert document.Modality == "SR"
    assert document.SOPClassUID == ComprehensiveSRStorage
    assert "machine-made" in document.SeriesDescription
    assert document.SOPInstanceUID == document.file_meta.MediaStorageSOPInstanceUID == INSTANCE.sop_instance_uid
    assert document.StudyInstanceUID == STUDY_UID


def test_report_and_image_never_share_a_group() -> None:
    found = read_findings(written())

    assert len({one.tracking_uid for one in found}) == len(found) == len(BOTH)


def test_a_group_keeps_its_tracking_uid_in_a_superseding_report() -> None:
    later = replace(
        INSTANCE, sop_instance_uid=derived_uid("later"), previous=PreviousSr(SERIES_UID, derived_uid("a report"), 1)
    )

    assert [one.tracking_uid for one in read_findings(written())] == [
        one.tracking_uid for one in read_findings(written(instance=later))
    ]


def test_the_region_is_the_outline_on_its_image_and_closed() -> None:
    disc = replace(disc_on(2), outline=((4.0, 5.0), (12.0, 5.0), (12.0, 9.0)))

    region = read_findings(written([replace(FROM_IMAGES[1], disc=disc)]))[0].region

    assert region is not None
    assert region.sop_instance_uid == derived_uid("image", "2")
    assert region.points == ((4, 5), (12, 5), (12, 9), (4, 5))


def test_an_outline_is_cut_at_the_edge_of_its_image() -> None:
    disc = replace(disc_on(2), outline=((-3.0, 5.0), (12.0, 5.0), (12.0, 30.0), (-3.0, 30.0)))
    region = read_findings(written([replace(FROM_IMAGES[1], disc=disc)]))[0].region

    assert region is not None
    assert region.points == ((0, 5), (12, 5), (12, 16), (0, 16), (0, 5))


def test_the_images_that_were_read_are_evidence_and_others_are_not() -> None:
    other = as_received(mr_image(9, SeriesInstanceUID=derived_uid("a localizer")))
    study = mr_study()
    document = written(study=replace(study, images=(other, *study.images)))

    (item,) = document.CurrentRequestedProcedureEvidenceSequence
    assert [series.SeriesInstanceUID for series in item.ReferencedSeriesSequence] == [SERIES_UID]


def test_a_finding_read_from_another_series_cites_that_series_and_makes_it_evidence() -> None:
    whole_spine = derived_uid("a whole-spine series")
    others = tuple(as_received(mr_image(number, SeriesInstanceUID=whole_spine)) for number in (8, 9))
    study = mr_study()
    cancer = finding("cancer", source=Source.IMAGE, series_uid=whole_spine)
    stenosis = finding("stenosis", source=Source.IMAGE)
    document = written([cancer, stenosis], replace(study, images=(*others, *study.images)))

    cited = {one.condition: set(one.source_images) for one in read_findings(document)}
    (item,) = document.CurrentRequestedProcedureEvidenceSequence
    assert cited == {
        "cancer": {image.SOPInstanceUID for image in others},
        "stenosis": {image.SOPInstanceUID for image in study.images},
    }
    assert {series.SeriesInstanceUID for series in item.ReferencedSeriesSequence} == {SERIES_UID, whole_spine}


def test_a_finding_whose_series_is_not_given_is_no_report() -> None:
    with pytest.raises(NoEvidence):
        written([finding("cancer", source=Source.IMAGE, series_uid=derived_uid("a whole-spine series"))])


def test_without_a_series_that_was_read_one_image_stands_for_the_study() -> None:
    document = written(FROM_REPORT, replace(mr_study(), series_uid=None))

    (item,) = document.CurrentRequestedProcedureEvidenceSequence
    assert len(item.ReferencedSeriesSequence[0].ReferencedSOPSequence) == 1


@pytest.mark.parametrize("state", [State.UNCERTAIN, State.NOT_MENTIONED, State.NOT_IMAGED])
def test_a_state_in_between_is_undetermined_without_a_number_even_with_an_answer(state: State) -> None:
    (found,) = read_findings(written([finding("stenosis", state=state, reason="Because.")]))

    assert (found.presence, found.probability, found.threshold) == (None, None, None)
    assert found.comment == "Because."
    assert "log_odds" not in found.parameters


@pytest.mark.parametrize("state", list(State))
def test_an_abstention_is_undetermined_and_always_says_why(state: State) -> None:
    (found,) = read_findings(written([undetermined("stenosis", state, "")]))

    assert found.presence is None
    assert found.comment


def test_what_limits_an_answer_is_said_beside_it() -> None:
    (found,) = read_findings(written([finding("stenosis", reason="Seen on 5 of 9 slices.")]))

    assert (found.presence, found.comment) == (True, "Seen on 5 of 9 slices.")


@pytest.mark.parametrize(
    ("standing", "repeated"),
    [
        (Standing.DEMONSTRATION, True),
        (Standing.UNCALIBRATED, True),
        (Standing.CALIBRATED, False),
        (Standing.CALIBRATED_HERE, False),
    ],
)
def test_a_weak_standing_is_repeated_in_the_algorithm_s_name(standing: Standing, repeated: bool) -> None:
    document = written([finding("stenosis", standing=standing)])
    (found,) = read_findings(document)

    assert (standing in found.algorithm) is repeated
    assert found.parameters["standing"] == standing
    assert standing in _texts(document, "121106")[0]


def test_the_disclaimer_says_who_made_it_and_what_was_left_out() -> None:
    content = SrContent(FROM_REPORT, "Left out: everything from the images.", REPORT)
    (disclaimer,) = _texts(write_sr(mr_study(), content, INSTANCE, INSTALLATION), "121106")

    assert disclaimer.startswith("Machine-made by Spinelabel 0.1.0. No person has reviewed it.")
    assert "from the images are" not in disclaimer
    assert disclaimer.endswith("Left out: everything from the images.")


def test_a_licence_that_limits_the_use_of_findings_is_told_in_words() -> None:
    spinenet = "SpineNet 2.1.4 (restricted licence: non-commercial research only)"
    made_by = replace(PROVENANCE, model=f"EfficientNet-Lite0@sha256:1+{spinenet}")
    read = finding("stenosis", level="L4-L5", source=Source.IMAGE, disc=disc_on(2), provenance=made_by)
    document = written([*FROM_REPORT, read])

    assert f"Use of findings from the images is limited by {spinenet}." in _texts(document, "121106")[0]
    assert read_findings(document)[-1].parameters["model"] == made_by.model
    assert "limited" not in _texts(written(), "121106")[0]


def test_the_report_is_named_by_its_message_and_its_order_is_complete() -> None:
    document = written()
    (request,) = document.ReferencedRequestSequence

    assert _texts(document, "128225") == [
        f"MSH-10 MSG00017; filler order number F-17; status F; sha256 {REPORT.sha256}"
    ]
    assert request.StudyInstanceUID == STUDY_UID
    assert request.AccessionNumber == "ACC-17"
    assert request.FillerOrderNumberImagingServiceRequest == "F-17"


@pytest.mark.parametrize(("of_report", "named"), [("ACC-18", "ACC-18"), ("", "ACC-17")])
def test_an_order_has_the_accession_number_of_its_report_else_of_the_study(of_report: str, named: str) -> None:
    (request,) = written(report=replace(REPORT, accession_number=of_report)).ReferencedRequestSequence

    assert request.AccessionNumber == named


def test_without_a_report_no_order_is_named() -> None:
    document = written(report=None)

    assert "ReferencedRequestSequence" not in document
    assert _texts(document, "128225") == []


def test_a_superseding_report_names_the_replaced_one_and_follows_it_in_its_series() -> None:
    previous = PreviousSr(derived_uid("earlier series"), derived_uid("earlier"), 3)
    document = written(instance=replace(INSTANCE, previous=previous))
    (item,) = document.PredecessorDocumentsSequence
    (reference,) = item.ReferencedSeriesSequence[0].ReferencedSOPSequence

    assert reference.ReferencedSOPInstanceUID == previous.sop_instance_uid
    assert reference.PurposeOfReferenceCodeSequence[0].CodeValue == "121360"
    assert item.StudyInstanceUID == STUDY_UID
    assert (document.SeriesInstanceUID, document.InstanceNumber) == (previous.series_instance_uid, 4)


def test_the_private_scheme_is_declared() -> None:
    (scheme,) = written().CodingSchemeIdentificationSequence

    assert scheme.CodingSchemeDesignator == "99SPINELABEL"
    assert scheme.CodingSchemeResponsibleOrganization


def test_the_study_s_own_procedure_is_reported() -> None:
    procedure = Dataset()
    procedure.CodeValue, procedure.CodingSchemeDesignator = "24968-0", "LN"
    procedure.CodeMeaning = "MR Lumbar spine"
    own = written(study=mr_study(ProcedureCodeSequence=[procedure]))

    assert _procedure_of(own) == "24968-0"
    assert _procedure_of(written()) == "241645008"


def test_a_procedure_that_is_not_coded_in_full_is_not_reported() -> None:
    procedure = Dataset()
    procedure.CodeMeaning = "MR LWS"

    assert _procedure_of(written(study=mr_study(ProcedureCodeSequence=[procedure]))) == "241645008"


def _procedure_of(document: Dataset) -> str:
    (value,) = (
        item.ConceptCodeSequence[0].CodeValue
        for item in document.ContentSequence
        if item.ConceptNameCodeSequence[0].CodeValue == "121058"
    )
    return str(value)


@pytest.mark.parametrize(("offset", "date", "time"), [("+0130", "20240312", "010000"), ("-0330", "20240311", "200000")])
def test_times_are_those_passed_in_told_in_the_study_s_zone(offset: str, date: str, time: str) -> None:
    moment = replace(INSTANCE, written_at=datetime(2024, 3, 11, 23, 30, tzinfo=UTC))
    document = written(study=mr_study(TimezoneOffsetFromUTC=offset), instance=moment)

    assert document.TimezoneOffsetFromUTC == offset
    assert (str(document.ContentDate), str(document.ContentTime)) == (date, time)
    assert (str(document.InstanceCreationDate), str(document.InstanceCreationTime)) == (date, time)


@pytest.mark.parametrize(
    ("findings", "error"),
    [
        pytest.param([], NothingToWrite, id="no finding"),
        pytest.param([finding("stenosis"), finding("stenosis")], InconsistentFinding, id="the same finding twice"),
        pytest.param([finding("stenosis", answer=False)], InconsistentFinding, id="present but answered no"),
        pytest.param([finding("stenosis", probability=0.1)], InconsistentFinding, id="a number against the answer"),
        pytest.param([finding("stenosis", threshold=None)], InconsistentFinding, id="an answer without a threshold"),
        pytest.param(
            [replace(FROM_IMAGES[1], disc=replace(disc_on(2), outline=((1.0, 1.0), (2.0, 1.0), (1.0, 1.0))))],
            InconsistentFinding,
            id="an outline that is a line",
        ),
        pytest.param([replace(FROM_IMAGES[1], disc=disc_on(8))], NoEvidence, id="a disc on an image not given"),
    ],
)
def test_what_cannot_be_written_truly_is_refused(findings: list[Finding], error: type[Exception]) -> None:
    with pytest.raises(error):
        written(findings)


def test_without_an_image_there_is_no_study_to_write_into() -> None:
    with pytest.raises(NoEvidence):
        written(study=SrStudy((), None))


def test_images_of_other_series_than_the_one_read_do_not_stand_for_it() -> None:
    with pytest.raises(NoEvidence):
        written(study=replace(mr_study(), series_uid=derived_uid("a series not given")))


@pytest.mark.parametrize("keyword", ["StudyInstanceUID", "PatientID"])
def test_images_of_two_studies_or_patients_are_refused_without_naming_either(keyword: str) -> None:
    stranger = as_received(mr_image(4, **{keyword: "1.2.3.4"}))

    with pytest.raises(MixedStudy) as refusal:
        written(study=SrStudy((*mr_study().images, stranger), SERIES_UID))

    assert "1.2.3.4" not in str(refusal.value)
    assert "MRN-17" not in str(refusal.value)


def test_a_class_that_no_document_can_cite_is_a_named_error() -> None:
    private = as_received(mr_image(1, SOPClassUID="1.3.46.670589.11.0.0.12.2"))

    with pytest.raises(UnwritableSr):
        written(FROM_REPORT, SrStudy((private,), None))


def test_a_uid_with_leading_zeros_is_cited_as_it_is() -> None:
    odd = "1.2.826.0.1.3680043.10.0363.0042.7"
    document = written(FROM_REPORT, SrStudy((as_received(mr_image(1, SOPInstanceUID=odd)),), SERIES_UID))

    evidence = document.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0]
    assert evidence.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == odd


def test_no_group_of_a_condition_is_lost_where_the_conditions_file_has_dropped_it() -> None:
    (found,) = read_findings(written([finding("stenosis")], installation=replace(INSTALLATION, conditions=())))

    assert (found.condition, found.finding.scheme, found.source) == ("stenosis", "99SPINELABEL", Source.REPORT)

"""The picture of a study's discs, drawn when its page is looked at."""

from io import BytesIO

from sqlmodel import Session, select

from pipeline.images.errors import NotAnImage, UnreadablePixels
from pipeline.images.headers import read_header
from pipeline.images.picture import caption, draw_discs, found_by, shown_image
from pipeline.values import Disc, restricted_by
from service.store.findings import current_findings, to_findings
from service.store.objects import ObjectStore
from service.store.states import ObjectState
from service.store.tables import Instance, Series, Study, row_id


def has_picture(session: Session, study: Study) -> bool:
    """Tell whether the slice through a study's discs is still there to be drawn on."""
    return bool(study.discs) and _file(session, study) is not None


def study_picture(session: Session, store: ObjectStore, link: str, limits: str) -> bytes | None:
    """Draw the discs of the study with a link, as PNG; None where there is nothing to draw on."""
    study = session.exec(select(Study).where(Study.link == link)).one_or_none()
    if study is None or not study.discs:
        return None
    file = _file(session, study)
    if file is None:
        return None
    findings = to_findings(session, current_findings(session, row_id(study)))
    said = " ".join([limits, *map(found_by, restricted_by(findings))])
    try:
        captions = caption(findings, how_named(study), said)
        discs = _discs(study)
        shown = read_header(store.path(file), shown_image(discs)[1])
        picture = draw_discs(shown, discs, captions)
    except (NotAnImage, UnreadablePixels):
        return None
    content = BytesIO()
    picture.save(content, format="PNG")
    return content.getvalue()


def how_named(study: Study) -> str:
    """Say how a study's discs were named; one read before schema 0003 says so among the reasons of its images only."""
    return study.levels_reason or study.images_reason


def _discs(study: Study) -> list[Disc]:
    return [Disc(**disc) for disc in study.discs]


def _file(session: Session, study: Study) -> str | None:
    shown, _ = shown_image(_discs(study))
    return session.exec(
        select(Instance.file)
        .join(Series)
        .where(Series.study_id == study.id, Instance.sop_instance_uid == shown, Instance.state == ObjectState.STORED)
    ).first()

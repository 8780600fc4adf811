"""How a study's levels are numbered: by a person, or otherwise as its report says."""

from sqlmodel import Session, col, select

from integrations.hl7.status import Status
from pipeline.images.numbering import NO_LEVELS, NamedDisc, Numbering
from pipeline.reports.numbering import unusual_numbering
from service.decisions import find_study
from service.errors import NoDiscs, PixelsRemoved
from service.results import results_changed
from service.second_tries import read_again
from service.store.states import WorkState
from service.store.tables import Pairing, Report, Study, row_id
from service.study_images import are_removed


def numbering_of(session: Session, study: Study) -> Numbering:
    """Give what is known of a study's levels beside its images: a person's word, and doubts from current reports.

    A report that was withdrawn says nothing any more; a preliminary one may raise a doubt before it is labelled.
    """
    current = (
        select(Report.text)
        .join(Pairing)
        .where(Pairing.study_id == row_id(study), col(Report.superseded_by).is_(None))
        .where(Report.status != Status.CANCELLED.value)
        .order_by(col(Report.id))
    )
    words = [found for text in session.exec(current) if (found := unusual_numbering(text))]
    doubt = f'the report speaks of "{words[0]}"' if words else ""
    return Numbering(study.levels_by_hand, _named_disc(study), doubt)


def number_by_hand(session: Session, name: str, lowest: str) -> None:
    """Name a study's levels as a person does, and have its images read again so that everything follows.

    The name belongs to the disc that was the lowest in the reading that the person saw.

    Args:
        session: a writing one.
        name: Study Instance UID or accession number.
        lowest: see `Numbering.lowest`.

    Raises:
        UnknownItem: not exactly one study has this UID or accession number.
        PixelsRemoved: its images cannot be read again.
        NoDiscs: a level was given, and there is no disc to give it to.
    """
    study = find_study(session, name)
    if are_removed(session, row_id(study)):
        raise PixelsRemoved
    study.levels_by_hand, study.disc_by_hand = lowest, None
    if lowest and lowest != NO_LEVELS:
        if not study.discs:
            raise NoDiscs
        study.disc_by_hand = {"series_uid": study.series_read, "centre_mm": study.discs[-1]["centre_mm"]}
    study.is_disowned = study.series_read is not None
    read_again(session, study)


def is_read_anew(session: Session, study: Study) -> bool:
    """Have images read again where reports that came or went since number levels otherwise; tell whether they are.

    The study's structured report then waits for that, or for the reading that is under way. Images whose pixels were
    removed stay as they were read.
    """
    if study.series_read is None or are_removed(session, row_id(study)):
        return False
    if numbering_of(session, study).doubt == study.numbering_doubt:
        return False
    study.is_disowned = True
    if study.images == WorkState.DONE:
        read_again(session, study)
    results_changed(session, row_id(study))
    return True


def _named_disc(study: Study) -> NamedDisc | None:
    """Give the disc that a person named; None too where it was named before that was kept."""
    seen = study.disc_by_hand
    if seen is None:
        return None
    x, y, z = seen["centre_mm"]
    return NamedDisc(seen["series_uid"], (x, y, z))

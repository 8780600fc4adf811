"""Where something that was received can stand in the receipt ledger, and what each place means."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum, auto


class Standing(StrEnum):
    """Whether anything more is due."""

    SETTLED = "settled"
    OPEN = "open"
    UNACCOUNTED = "unaccounted for"


class Place(IntEnum):
    """The places, the better ones first: what has several parts stands where the worst of them does."""

    REPORTED = auto()
    SUPERSEDED = auto()
    REPEATED = auto()
    KEPT = auto()
    BESIDE_IMAGES = auto()
    OUR_OWN = auto()
    DISMISSED = auto()
    NOT_LABELLED = auto()
    NOTHING_TO_REPORT = auto()
    EARLIER_STUDY = auto()
    ON_ITS_WAY = auto()
    TO_BE_WRITTEN = auto()
    TO_BE_READ = auto()
    TO_BE_LABELLED = auto()
    UNPAIRED = auto()
    WAITS_FOR_FINAL = auto()
    PAIRING_FOR_A_PERSON = auto()
    STUDY_FOR_A_PERSON = auto()
    CONFLICT = auto()
    READING_FAILED = auto()
    LABELLING_FAILED = auto()
    WRITING_FAILED = auto()
    REFUSED_BY_DESTINATION = auto()
    OBJECT_REFUSED = auto()
    MESSAGE_REFUSED = auto()
    INCOMPLETE = auto()
    READ_WITHOUT_RESULT = auto()
    LABELLED_WITHOUT_FINDING = auto()
    PAIRED_WITH_NOTHING = auto()
    OF_NO_STUDY = auto()
    OF_NO_REPORT = auto()
    REPEATS_NOTHING = auto()
    FOR_NOBODY = auto()


@dataclass(frozen=True)
class Meaning:
    """What a place means, and whether anything is due there."""

    standing: Standing
    words: str


_SETTLED = {
    Place.REPORTED: "in a structured report that its destinations took",
    Place.SUPERSEDED: "replaced by a newer one, or cancelled",
    Place.REPEATED: "came before",
    Place.KEPT: "kept; it carries no report",
    Place.BESIDE_IMAGES: "kept beside the images",
    Place.OUR_OWN: "our own structured report, which came back",
    Place.DISMISSED: "a person decided that nothing is to be done",
    Place.NOT_LABELLED: "a report that was cancelled or has no status; not labelled",
    Place.NOTHING_TO_REPORT: "read or labelled; no structured report is due, and its study says why",
    Place.EARLIER_STUDY: "fetched as an earlier study",
}
_OPEN = {
    Place.ON_ITS_WAY: "its structured report is on its way",
    Place.TO_BE_WRITTEN: "its structured report waits to be written",
    Place.TO_BE_READ: "its images are to be read",
    Place.TO_BE_LABELLED: "to be labelled",
    Place.UNPAIRED: "waits for its study",
    Place.WAITS_FOR_FINAL: "waits for its final version",
    Place.PAIRING_FOR_A_PERSON: "a person is to say whose report it is",
    Place.STUDY_FOR_A_PERSON: "a person is to decide about its study",
    Place.CONFLICT: "came again with other content; a person is to decide",
    Place.READING_FAILED: "its images could not be read; a person is to look",
    Place.LABELLING_FAILED: "could not be labelled; a person is to look",
    Place.WRITING_FAILED: "its structured report could not be written; a person is to look",
    Place.REFUSED_BY_DESTINATION: "refused or not kept by a destination; a person is to look",
    Place.OBJECT_REFUSED: "refused and kept; a person is to look",
    Place.MESSAGE_REFUSED: "refused and kept; a person is to look",
    Place.INCOMPLETE: "cut off and kept; its sender repeats it",
}
_UNACCOUNTED = {
    Place.READ_WITHOUT_RESULT: "its images were read, and nothing says what came of it",
    Place.LABELLED_WITHOUT_FINDING: "labelled, and there is no finding of it",
    Place.PAIRED_WITH_NOTHING: "paired, and there is no study that it is paired with",
    Place.OF_NO_STUDY: "in use, and belongs to no study",
    Place.OF_NO_REPORT: "brought a report, and there is none of it",
    Place.REPEATS_NOTHING: "repeats something that is not there",
    Place.FOR_NOBODY: "written, and for no destination",
}
PLACES: dict[Place, Meaning] = {
    place: Meaning(standing, words)
    for standing, places in (
        (Standing.SETTLED, _SETTLED),
        (Standing.OPEN, _OPEN),
        (Standing.UNACCOUNTED, _UNACCOUNTED),
    )
    for place, words in places.items()
}

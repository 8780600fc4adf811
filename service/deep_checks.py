"""What `spinelabel check --deep` looks at besides: all that is stored, and the models at work.

Nothing is changed unless repairs are asked for.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from config.conditions import load_conditions
from config.settings import Settings
from pipeline.reports.model_folder import converted_folder
from pipeline.values import ReportLabels
from service.checks import NotWellError, look
from service.health import Check
from service.mismatches import Mismatch, mismatched_files, mismatched_rows
from service.receiving import Receiving
from service.store.columns import utc_now
from service.store.database import DATABASE, WORKFLOWS, look_at_database, open_database
from service.store.integrity import check_integrity, check_pages
from service.store.objects import OBJECTS, ObjectStore
from service.store.upgrade import schema_standing
from service.unnamed_files import SETTLED_AFTER

QUESTIONED = "FINDINGS: Normal alignment. No canal stenosis."


def check_deeply(settings: Settings, *, repairs: bool = False) -> Iterator[Check]:
    """Read everything that is stored, load each model, and ask the language model one question.

    Each mismatch of what is stored is one check that is not well; with `repairs`, those that can be set right are.
    """
    yield look("databases", lambda: _databases(settings.data))
    yield from _stored(settings, repairs=repairs)
    yield look("language model answers", lambda: _answers(settings))
    yield look("image models load", lambda: _image_models(settings))


def _databases(data: Path) -> str:
    there = [path for path in (data / DATABASE, data / WORKFLOWS) if path.exists()]
    for path in there:
        check_pages(path)
    return f"every page of {len(there)} databases is whole"


def _stored(settings: Settings, *, repairs: bool) -> Iterator[Check]:
    """Look at files and rows, each mismatch by its name, then at all of them in a sentence."""
    found: list[Mismatch] = []
    sentences: list[str] = []

    def objects() -> str:
        if not (settings.data / OBJECTS).exists() or schema_standing(settings.data) != "present":
            return "nothing was stored by this release yet"
        engine = open_database(settings.data) if repairs else look_at_database(settings.data / DATABASE)
        receiving = Receiving(engine, ObjectStore(settings.data), settings)
        now = utc_now()
        integrity = check_integrity(engine, receiving.store.root, now - SETTLED_AFTER)
        found.extend(mismatched_files(receiving, integrity))
        found.extend(mismatched_rows(receiving, now))
        sentences.extend(_settled(mismatch, repairs=repairs) for mismatch in found)
        if found:
            raise NotWellError(f"{len(found)} mismatches were found, each named above.")
        return f"{integrity.objects} objects are as they were stored"

    summary = look("stored objects", objects)
    for mismatch, sentence in zip(found, sentences, strict=False):
        yield Check(mismatch.what, is_well=False, reason=sentence)
    yield summary


def _settled(mismatch: Mismatch, *, repairs: bool) -> str:
    if mismatch.repair is None or not repairs:
        return mismatch.sentence
    return f"{mismatch.sentence} {mismatch.repair()}"


def _answers(settings: Settings) -> str:
    from pipeline.reports.labelling import Report, label_reports
    from pipeline.reports.site_labeller import load_site_labeller
    from service.installation import SOFTWARE

    conditions = load_conditions(settings.conditions)
    with _converted_aside(settings) as data:
        labeller = load_site_labeller(settings.reports, data, SOFTWARE)
    (labelled,) = label_reports(labeller, [Report("check", QUESTIONED)], conditions[:1])
    if not isinstance(labelled, ReportLabels):
        raise NotWellError(f"It answers nothing. {labelled.reason}")
    adapted = f" with {labeller.adapter}" if labeller.adapter else ""
    return f"{labeller.engine.name}{adapted} answers"


@contextmanager
def _converted_aside(settings: Settings) -> Iterator[Path]:
    """Give where the embedded model is converted: a folder of its own where that has not been done yet."""
    if settings.reports.server or settings.reports.model != "embedded" or converted_folder(settings.data).exists():
        yield settings.data
        return
    with tempfile.TemporaryDirectory(prefix="spinelabel-check-") as aside:
        yield Path(aside)


def _image_models(settings: Settings) -> str:
    from pipeline.images.reader import load_image_reader
    from service.installation import SOFTWARE

    reader = load_image_reader(settings.images, settings.data, SOFTWARE)
    return f"{reader.detector.name} is ready"

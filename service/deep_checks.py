"""What `spinelabel check --deep` looks at besides: all that is stored, and the models at work. Nothing is changed."""

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
from service.store.database import DATABASE, WORKFLOWS, look_at_database
from service.store.integrity import check_integrity, check_pages
from service.store.objects import OBJECTS
from service.store.upgrade import schema_standing

QUESTIONED = "FINDINGS: Normal alignment. No canal stenosis."


def check_deeply(settings: Settings) -> Iterator[Check]:
    """Read everything that is stored, load each model, and ask the language model one question."""
    yield look("databases", lambda: _databases(settings.data))
    yield look("stored objects", lambda: _objects(settings.data))
    yield look("language model answers", lambda: _answers(settings))
    yield look("image models load", lambda: _image_models(settings))


def _databases(data: Path) -> str:
    there = [path for path in (data / DATABASE, data / WORKFLOWS) if path.exists()]
    for path in there:
        check_pages(path)
    return f"every page of {len(there)} databases is whole"


def _objects(data: Path) -> str:
    if schema_standing(data) != "present":
        return "nothing was stored by this release yet"
    found = check_integrity(look_at_database(data / DATABASE), data / OBJECTS)
    if found.missing or found.damaged:
        raise NotWellError(
            f"Of {found.objects} objects {len(found.missing)} are not there and {len(found.damaged)} are not what was "
            f"stored; the first is {(*found.missing, *found.damaged)[0]}. Restore a backup."
        )
    return f"{found.objects} objects are as they were stored"


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

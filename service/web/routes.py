"""Which page an address shows."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Form, HTTPException, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import Engine

from config.settings import Settings
from service.store.database import reading
from service.store.objects import ObjectStore
from service.web.exports_page import list_cohorts
from service.web.lines import study_lines
from service.web.lists import PAGE, WHICH, list_studies, list_unpaired_reports, list_unpaired_studies
from service.web.message_page import message_page
from service.web.open_items import NEWEST, count_refused, list_open_items
from service.web.overview import overview
from service.web.search import search
from service.web.study_page import study_page
from service.web.study_picture import study_picture

LIMITS = (
    "Findings marked demonstration come from parts that were fitted on invented reports and drawn spines only: "
    "the embedded language model and the embedded image classifiers. They are no basis for a decision on a patient."
)


@dataclass(frozen=True)
class Site:
    """What the pages are made from; `show` renders a template."""

    settings: Settings
    engine: Engine
    now: Callable[[], datetime]
    show: Callable[..., Response]


def list_routes(site: Site) -> APIRouter:
    """Build the routes of the overview and the lists."""
    router = APIRouter()

    @router.get("/")
    def first_page(request: Request) -> Response:
        shown = overview(site.engine, site.settings, site.now())
        return site.show(request, "overview.html", shown=shown, notice=LIMITS)

    @router.get("/studies")
    def studies(request: Request, which: str = "all", after: str | None = None) -> Response:
        if which not in WHICH:
            raise HTTPException(404)
        with reading(site.engine) as session:
            page = list_studies(session, site.settings, site.now(), which, after)
        return site.show(request, "studies.html", page=page, which=which, filters=list(WHICH))

    @router.get("/unpaired")
    def unpaired(request: Request) -> Response:
        with reading(site.engine) as session:
            reports = list_unpaired_reports(session, site.settings, site.now())
            studies = list_unpaired_studies(session, site.settings, site.now())
        return site.show(request, "unpaired.html", reports=reports, studies=studies, most=PAGE)

    @router.get("/waiting")
    def waiting(request: Request) -> Response:
        with reading(site.engine) as session:
            found, refused = list_open_items(session), count_refused(session)
        return site.show(request, "waiting.html", found=found, refused=refused, most=NEWEST)

    @router.get("/exports")
    def exports(request: Request) -> Response:
        folder = site.settings.exports.cohorts
        with reading(site.engine) as session:
            cohorts, faults = list_cohorts(session, folder, site.now())
        return site.show(request, "exports.html", cohorts=cohorts, faults=faults, folder=folder)

    return router


def study_routes(site: Site) -> APIRouter:
    """Build the routes of one study or message, and of finding it.

    Addresses carry random links only, and a search is posted, so that no patient is named in a browser's history.
    """
    router = APIRouter()

    @router.get("/studies/{link}")
    def study(request: Request, link: str) -> Response:
        with reading(site.engine) as session:
            found = study_page(session, site.settings, link, site.now())
        if found is None:
            raise HTTPException(404)
        return site.show(request, "study.html", study=found, notice=LIMITS)

    @router.get("/studies/{link}/discs.png")
    def discs(link: str) -> Response:
        with reading(site.engine) as session:
            picture = study_picture(session, ObjectStore(site.settings.data), link, LIMITS)
        if picture is None:
            raise HTTPException(404)
        return Response(picture, media_type="image/png")

    @router.get("/messages/{link}")
    def message(request: Request, link: str) -> Response:
        with reading(site.engine) as session:
            found = message_page(session, link)
        if found is None:
            raise HTTPException(404)
        return site.show(request, "message.html", message=found)

    @router.post("/search")
    def find(request: Request, wanted: Annotated[str, Form()] = "") -> Response:
        wanted = wanted.strip()
        with reading(site.engine) as session:
            found = search(session, wanted) if wanted else None
            if found is not None and found.only_address:
                return RedirectResponse(found.only_address, status_code=303)
            studies = study_lines(session, site.settings, found.studies, site.now()) if found else []
        messages = found.messages if found else []
        return site.show(request, "search.html", wanted=wanted, studies=studies, messages=messages)

    return router

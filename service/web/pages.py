"""The pages. Each is read from the rows at the moment it is asked for; what a person decides is posted."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates
from sqlalchemy import Engine

from config.settings import Settings
from service.store.columns import utc_now
from service.web.guarding import guard
from service.web.operations import operations_routes
from service.web.outbox_routes import outbox_routes
from service.web.routes import Site, list_routes, study_routes
from service.web.times import age, local_time
from service.web.wording import with_code

HERE = Path(__file__).parent
NOT_FOUND = "There is no such page. Search for the study, or begin at the overview."

NOT_UNDERSTOOD = "What was asked for is no number or name that this page knows. Use the buttons and links of the page."


def make_pages(settings: Settings, engine: Engine, now: Callable[[], datetime] = utc_now) -> FastAPI:
    """Build the application that the web role serves."""
    app = FastAPI(title="Spinelabel", docs_url=None, redoc_url=None, openapi_url=None)
    site = Site(settings, engine, now, _renderer(settings, now))
    app.mount("/assets", StaticFiles(directory=HERE / "assets"))
    for routes in (
        operations_routes(settings, engine, now),
        list_routes(site),
        study_routes(site),
        outbox_routes(site),
    ):
        app.include_router(routes)
    guard(app, settings)

    @app.exception_handler(404)
    def not_found(request: Request, _error: Exception) -> Response:
        return site.show(request, "missing.html", status_code=404, sentence=NOT_FOUND)

    @app.exception_handler(RequestValidationError)
    def not_understood(request: Request, _error: Exception) -> Response:
        return site.show(request, "missing.html", status_code=422, sentence=NOT_UNDERSTOOD)  # FastAPI repeats the value

    return app


def _renderer(settings: Settings, now: Callable[[], datetime]) -> Callable[..., Response]:
    templates = Jinja2Templates(HERE / "templates")
    zone = ZoneInfo(settings.hl7.time_zone)
    templates.env.filters["local"] = lambda at: local_time(at, zone)
    templates.env.filters["said"] = with_code
    templates.env.filters["age"] = lambda at: age(at, now())

    def show(request: Request, name: str, status_code: int = 200, **shown: Any) -> Response:
        shown |= {"zone": settings.hl7.time_zone, "asked_at": now(), "ae_title": settings.dicom.ae_title}
        return templates.TemplateResponse(request, name, shown, status_code=status_code)

    return show

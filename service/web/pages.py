"""The page: a plain list of studies with their state."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates
from sqlalchemy import Engine

from config.settings import Settings
from service.store.columns import utc_now
from service.store.database import reading
from service.web.listings import list_open_items, list_studies
from service.web.operations import operations_routes

HERE = Path(__file__).parent
LIMITS = (
    "The embedded language model is uncalibrated: without an adapter it labels reports at chance. "
    "Findings marked demonstration come from a classifier fitted on drawn spines. "
    "Neither says anything about a patient."
)


def make_pages(settings: Settings, engine: Engine, now: Callable[[], datetime] = utc_now) -> FastAPI:
    """Build the application that the web role serves."""
    app = FastAPI(title="Spinelabel", docs_url=None, redoc_url=None, openapi_url=None)
    app.mount("/assets", StaticFiles(directory=HERE / "assets"))
    templates = Jinja2Templates(HERE / "templates")

    app.include_router(operations_routes(settings, engine, now))

    @app.get("/", response_class=HTMLResponse)
    def studies(request: Request) -> HTMLResponse:
        with reading(engine) as session:
            shown = {
                "studies": list_studies(session, settings, now()),
                "items": list_open_items(session),
                "notice": LIMITS,
                "ae_title": settings.dicom.ae_title,
            }
        return templates.TemplateResponse(request, "studies.html", shown)

    return app

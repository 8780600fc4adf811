"""What monitoring asks: `/healthz`, `/readyz` and `/metrics`; nothing of a patient is in any of them."""

from collections.abc import Callable
from datetime import datetime

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from config.settings import Settings
from service.health import readiness
from service.store.database import reading
from service.web.metrics import render_metrics


def operations_routes(settings: Settings, engine: Engine, now: Callable[[], datetime]) -> APIRouter:
    """Build the routes.

    `/healthz` says whether this process and the database answer; `/readyz` whether every role, the disk and the
    database are well, with a sentence for each that is not; both answer 503 where something is not.
    """
    router = APIRouter()

    @router.get("/healthz")
    def healthz() -> JSONResponse:
        try:
            with reading(engine) as session:
                session.connection().execute(text("select 1"))
        except SQLAlchemyError:
            return JSONResponse({"status": "the database does not answer"}, status_code=503)
        return JSONResponse({"status": "ok"})

    @router.get("/readyz")
    def readyz() -> JSONResponse:
        checks = readiness(engine, settings, now())
        ready = all(check.is_well for check in checks)
        body = {"ready": ready, "checks": {check.name: check.reason or "ok" for check in checks}}
        return JSONResponse(body, status_code=200 if ready else 503)

    @router.get("/metrics")
    def metrics() -> Response:
        return Response(render_metrics(engine, settings, now()), media_type=CONTENT_TYPE_LATEST)

    return router

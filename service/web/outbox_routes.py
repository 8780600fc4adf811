"""What a person decides about deliveries on the page: send again, or no more. Each answer leads back to the page."""

from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Response
from fastapi.responses import RedirectResponse
from sqlmodel import Session, col, select

from service.errors import UnknownItem
from service.outbox import cancel, send_again
from service.store.database import reading, writing
from service.store.tables import Delivery, Document, Study
from service.web.routes import Site

_Number = Annotated[int, Path(ge=1, le=2**31 - 1)]


def outbox_routes(site: Site) -> APIRouter:
    """Build the routes; all are posted to, and `guard` keeps other sites' pages out."""
    router = APIRouter()

    @router.post("/deliveries/{number}/retry")
    def retry_one(number: _Number) -> Response:
        # What was delivered or replaced meanwhile stays so, as the page then says.
        with writing(site.engine) as session, suppress(UnknownItem):
            send_again(session, number, site.now())
        return _back_to_study(site, number)

    @router.post("/deliveries/{number}/cancel")
    def cancel_one(number: _Number) -> Response:
        with writing(site.engine) as session, suppress(UnknownItem):
            cancel(session, number)
        return _back_to_study(site, number)

    @router.post("/deliveries/retry")
    def retry_refused() -> Response:
        with writing(site.engine) as session:
            send_again(session, None, site.now())
        return RedirectResponse("/waiting", status_code=303)

    return router


def _back_to_study(site: Site, number: int) -> Response:
    with reading(site.engine) as session:
        link = _link(session, number)
    if link is None:
        raise HTTPException(404)
    return RedirectResponse(f"/studies/{link}#documents", status_code=303)


def _link(session: Session, number: int) -> str | None:
    found = select(Study.link).join(Document, col(Document.study_id) == Study.id).join(Delivery)
    return session.exec(found.where(Delivery.id == number)).one_or_none()

"""What protects the pages: who may name us, who may post to us, and what a browser may do with what we answer."""

from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from fastapi import FastAPI, Request, Response
from fastapi.responses import PlainTextResponse
from starlette.middleware.trustedhost import TrustedHostMiddleware

from config.settings import LOOPBACK, Settings

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

MOST_FORM_BYTES = 64 * 1024


def guard(app: FastAPI, settings: Settings) -> None:
    """Put the guards around every route."""

    @app.middleware("http")
    async def _guarded(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
        if request.method not in {"GET", "HEAD"} and not _is_from_here(request):
            return PlainTextResponse("This was sent by another site's page. Open the page itself.", status_code=403)
        if (refused := _too_long(request)) is not None:
            return refused
        response = await answer(request)
        response.headers.update(HEADERS)
        return response

    # A name that an attacker points at this machine would make his page one of ours.
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=[*LOOPBACK, "[::1]", settings.web.host])


def _too_long(request: Request) -> Response | None:
    """Refuse what is longer than any form of ours, before it is read into memory."""
    if "transfer-encoding" in request.headers:
        return PlainTextResponse("Say the length of what is sent (Content-Length).", status_code=411)
    length = request.headers.get("content-length", "0")
    if not length.isdigit() or int(length) > MOST_FORM_BYTES:
        return PlainTextResponse("This is longer than any form of this page.", status_code=413)
    return None


def _is_from_here(request: Request) -> bool:
    """Tell whether no other site's page has sent this: browsers say where a request comes from, other programs do not.

    A browser too old for Sec-Fetch-Site has an Origin. It is "null" where the page has no referrer, as ours, so that
    such a browser can read the pages and not post.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:
        return site in _OURS
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")


_OURS = frozenset({"same-origin", "none"})

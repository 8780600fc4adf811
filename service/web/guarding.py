"""What protects the pages: who may name us, who may post to us, and what a browser may do with what we answer."""

from collections.abc import Awaitable, Callable

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


def guard(app: FastAPI, settings: Settings) -> None:
    """Put the guards around every route."""

    @app.middleware("http")
    async def _guarded(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
        # Another site's page may not post here; browsers say where a request comes from, other programs do not.
        if request.method not in {"GET", "HEAD"} and request.headers.get("sec-fetch-site", "none") not in _OURS:
            return PlainTextResponse("This was sent by another site's page. Open the page itself.", status_code=403)
        response = await answer(request)
        response.headers.update(HEADERS)
        return response

    # A name that an attacker points at this machine would make his page one of ours.
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=[*LOOPBACK, "[::1]", settings.web.host])


_OURS = frozenset({"same-origin", "none"})

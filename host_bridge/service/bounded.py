"""Routes whose bodies have a limit: who says none of its length, or too much, is refused before anything is read."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute

MOST_BYTES = 4 << 20
WITH_BODY = ("POST", "PUT", "PATCH")


class BoundedRoute(APIRoute):
    """The server holds a body to the length that its head tells, so it is enough to look at that."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def bounded(request: Request) -> Response:
            length = request.headers.get("content-length", "")
            if request.method not in WITH_BODY:
                return await handle(request)
            if not length.isdigit():
                return JSONResponse({"detail": "say how long the body is: Content-Length"}, 411)
            if len(length) > 9 or int(length) > MOST_BYTES:
                return JSONResponse({"detail": f"at most {MOST_BYTES} bytes are taken here"}, 413)
            return await handle(request)

        return bounded

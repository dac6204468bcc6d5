"""Who may talk to the bridge: one access token, and the guard that asks for it in front of everything.

Programs send `Authorization: Bearer TOKEN`. A person opens the printed address once; the guard keeps the
token in a cookie (HttpOnly, SameSite=Strict) and redirects to the address without it.
"""

import hmac
import html
import os
import secrets
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from host_bridge.config import Config, ConfigError

TOKEN_BYTES = 32
COOKIE_LIFETIME_S = 400 * 86400  # the longest that browsers keep one: a screen on a wall is set up once
_SHORTEST_TOKEN = 32  # characters; anything shorter was not made here

HOW_TO_GET_IN = (
    "This bridge asks for its access token. In a browser, open the address that the bridge prints when it starts "
    "(it ends in ?token=...). A program sends the header 'Authorization: Bearer TOKEN'. "
    "The token is in the file 'token' in the bridge's state directory."
)
FOREIGN_ORIGIN = "This request was started by a page from another origin, so it is refused. Open the bridge's own page."

# Nothing is fetched from elsewhere and nobody may frame the page. NiceGUI compiles templates in the browser,
# hence 'unsafe-eval'; its page carries its start-up code inline.
PROTECTIVE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def load_token(path: Path) -> str:
    """The access token kept in `path`, made (mode 0600) when there is none.

    Raises ConfigError when the file cannot be used or could be read by other users of this machine.
    """
    try:
        if not path.exists():
            _write_new_token(path)
        readable_by_others = path.stat().st_mode & 0o077
        token = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: the access token cannot be kept there: {error}") from error
    if readable_by_others:
        raise ConfigError(f"{path}: other users may read the access token; delete the file and a new one is made")
    if len(token) < _SHORTEST_TOKEN:
        raise ConfigError(f"{path}: holds no access token; delete the file and a new one is made")
    return token


def _write_new_token(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(TOKEN_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)  # unlike rename it never replaces a token that another start has just made
    except FileExistsError:
        pass
    finally:
        draft.unlink(missing_ok=True)


def entry_address(config: Config, token: str) -> str:
    """The address that lets a person in. It holds the token: print it to a terminal, never to a log."""
    host = f"[{config.web.host}]" if ":" in config.web.host else config.web.host
    return f"http://{host}:{config.web.port}/?token={token}"


class Guard:
    """ASGI middleware in front of everything, HTTP and websocket: 401 without the token, 403 from a foreign origin.

    `port` goes into the cookie's name, because browsers share cookies between the ports of one host.
    """

    def __init__(self, app: ASGIApp, token: str, port: int) -> None:
        self._app = app
        self._token = token.encode()
        self._cookie = f"gridnexus_{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        answer = self._answer_to_token_in_address(scope, headers) or self._refusal(scope, headers)
        if answer is None:
            await self._app(scope, receive, _with_protective_headers(send))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await answer(scope, receive, _with_protective_headers(send))

    def _answer_to_token_in_address(self, scope: Scope, headers: Headers) -> Response | None:
        query = scope["query_string"].decode("latin-1")
        if scope["type"] != "http" or scope["path"] != "/" or "token" not in parse_qs(query):
            return None
        scope["query_string"] = b""  # the server's access log reads this scope
        if not self._is_token(parse_qs(query)["token"][0]):
            return _refused(scope, headers, 401, HOW_TO_GET_IN)
        answer = RedirectResponse("/", status_code=303, headers={"Cache-Control": "no-store"})
        answer.set_cookie(
            self._cookie, self._token.decode(), max_age=COOKIE_LIFETIME_S, httponly=True, samesite="strict",
            secure=scope["scheme"] == "https",
        )  # fmt: skip
        return answer

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        if not self._carries_token(headers):
            return _refused(scope, headers, 401, HOW_TO_GET_IN)
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != headers.get("host"):
            return _refused(scope, headers, 403, FOREIGN_ORIGIN)
        return None

    def _carries_token(self, headers: Headers) -> bool:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return self._is_token(given.strip())
        try:
            kept = SimpleCookie(headers.get("cookie", "")).get(self._cookie)
        except CookieError:
            return False
        return kept is not None and self._is_token(kept.value)

    def _is_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), self._token)


def _refused(scope: Scope, headers: Headers, code: int, text: str) -> Response:
    extra = {"WWW-Authenticate": "Bearer"} if code == 401 else {}
    if scope["path"].startswith("/api/"):
        return JSONResponse({"detail": text}, code, extra)
    if "text/html" in headers.get("accept", ""):
        return HTMLResponse(_PAGE.format(text=html.escape(text)), code, extra)
    return PlainTextResponse(text + "\n", code, extra)


def _with_protective_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(PROTECTIVE_HEADERS)
        await send(message)

    return send_with_headers


_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>gridnexus: access token needed</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
<body style="font:1.1rem/1.6 system-ui,sans-serif;max-width:34rem;margin:18vh auto;padding:0 1.5rem">
<h1 style="font-size:1.5rem">Access token needed</h1><p>{text}</p></body></html>
"""

"""The guard: who gets in, who does not, and that the token stays out of logs and other users' sight."""

import asyncio
import contextlib
import logging
import socket

import httpx
import pytest
import uvicorn

from host_bridge.config import ConfigError
from host_bridge.service.auth import Guard, entry_address, load_token
from tests.host.api_fakes import Bridge

COMMAND = {"node": "home-01", "contactor": "heater", "target": "open"}


@pytest.fixture
def bridge(tmp_path):
    return Bridge(tmp_path)


def ask(bridge, method="GET", path="/api/nodes", cookies=None, **headers):
    async def go():
        async with bridge.client(**headers) as client:
            client.cookies.update(cookies or {})
            return await client.request(method, path, json=COMMAND if method == "POST" else None)

    return asyncio.run(go())


def cookie(bridge, value=None):
    return {"gridnexus_8080": value or bridge.token}


def test_without_a_token_nothing_is_told_or_done(bridge):
    for method, path in (("GET", "/api/nodes"), ("POST", "/api/commands"), ("GET", "/"), ("GET", "/api/openapi.json")):
        answer = ask(bridge, method, path)
        assert answer.status_code == 401
        assert "access token" in answer.text
        assert bridge.token not in answer.text
    assert bridge.dispatch.asked == {}


def test_a_browser_is_told_how_to_get_in_as_a_page(bridge):
    answer = ask(bridge, path="/", Accept="text/html,*/*")
    assert answer.status_code == 401
    assert answer.headers["content-type"].startswith("text/html")
    assert "?token=" in answer.text


@pytest.mark.parametrize(
    "wrong", ["Bearer wrong", "Bearer ", "Basic {token}", "{token}", "Bearer {token}x", "Bearer é"]
)
def test_a_wrong_bearer_is_refused(bridge, wrong):
    answer = ask(bridge, "POST", "/api/commands", Authorization=wrong.format(token=bridge.token).encode())
    assert answer.status_code == 401
    assert bridge.dispatch.asked == {}


def test_a_wrong_bearer_is_not_saved_by_a_right_cookie(bridge):
    assert ask(bridge, cookies=cookie(bridge), Authorization="Bearer wrong").status_code == 401


def test_the_right_bearer_gets_in(bridge):
    assert ask(bridge, Authorization=f"Bearer {bridge.token}").status_code == 200


def test_the_printed_address_sets_a_strict_cookie_and_leads_away_from_the_token(bridge):
    answer = ask(bridge, path=f"/?token={bridge.token}")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/"
    parts = {part.strip().lower() for part in answer.headers["set-cookie"].split(";")}
    assert {"httponly", "samesite=strict", "path=/"} <= parts
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert ask(bridge, cookies=dict(answer.cookies)).status_code == 200


@pytest.mark.parametrize("path", ["/?token=wrong", "/?token=", "/api/nodes?token={token}"])
def test_other_addresses_with_a_token_set_no_cookie(bridge, path):
    answer = ask(bridge, path=path.format(token=bridge.token))
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers


def test_wrong_and_broken_cookies_are_refused(bridge):
    assert ask(bridge, cookies=cookie(bridge, "wrong")).status_code == 401
    assert ask(bridge, Cookie='gridnexus_8080="\\"; ;;=[').status_code == 401
    assert ask(bridge, cookies={"gridnexus_9090": bridge.token}).status_code == 401


@pytest.mark.parametrize("origin", ["http://evil.example", "http://bridge:9090", "null", ""])
def test_a_foreign_origin_is_refused_even_with_the_cookie(bridge, origin):
    for method, path in (("POST", "/api/commands"), ("GET", "/api/nodes")):
        answer = ask(bridge, method, path, cookies=cookie(bridge), Origin=origin)
        assert answer.status_code == 403
        assert "access-control-allow-origin" not in answer.headers
    assert bridge.dispatch.asked == {}


def test_the_bridges_own_origin_may_command(bridge):
    assert ask(bridge, "POST", "/api/commands", cookies=cookie(bridge), Origin="http://bridge:8080").status_code == 200


def test_answers_allow_nothing_from_elsewhere_and_no_frames(bridge):
    policy = ask(bridge).headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy


@pytest.mark.parametrize(
    ("headers", "reached"),
    [
        ({}, False),
        ({"cookie": "gridnexus_8080=wrong"}, False),
        ({"cookie": "gridnexus_8080=T"}, True),
        ({"cookie": "gridnexus_8080=T", "origin": "http://evil.example", "host": "bridge:8080"}, False),
        ({"cookie": "gridnexus_8080=T", "origin": "http://bridge:8080", "host": "bridge:8080"}, True),
    ],
)
def test_websockets_need_the_cookie_and_the_own_origin(headers, reached):
    seen, sent = [], []

    async def inner(scope, receive, send):
        seen.append(scope)

    async def send(message):
        sent.append(message["type"])

    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "websocket", "path": "/_nicegui_ws/socket.io/", "query_string": b"token=T", "headers": raw}
    asyncio.run(Guard(inner, "T", 8080)(scope, None, send))
    assert bool(seen) is reached
    assert sent == ([] if reached else ["websocket.close"])


def test_the_token_is_made_once_and_readable_by_its_owner_only(tmp_path):
    path = tmp_path / "new" / "token"
    token = load_token(path)
    assert len(token) >= 43
    assert load_token(path) == token
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_a_token_that_others_may_read_or_that_is_none_is_refused(tmp_path):
    path = tmp_path / "token"
    load_token(path)
    path.chmod(0o640)
    with pytest.raises(ConfigError, match="delete the file"):
        load_token(path)
    path.write_text("short\n")
    path.chmod(0o600)
    with pytest.raises(ConfigError, match="no access token"):
        load_token(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(ConfigError, match="cannot be kept"):
        load_token(path)


def test_the_entry_address_brackets_ipv6(bridge):
    assert entry_address(bridge.config, "T") == "http://127.0.0.1:8080/?token=T"
    bridge.config.web.host = "::1"
    assert entry_address(bridge.config, "T") == "http://[::1]:8080/?token=T"


@contextlib.asynccontextmanager
async def served(bridge):
    """The app under a real uvicorn on loopback; gives the address."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(bridge.app, log_level="info", timeout_graceful_shutdown=1))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:  # noqa: ASYNC110 - uvicorn offers no event to wait for
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


def test_the_access_log_does_not_hold_the_token(bridge, caplog):
    async def go():
        async with served(bridge) as address, httpx.AsyncClient() as client:
            logging.getLogger("uvicorn.access").addHandler(caplog.handler)
            assert (await client.get(f"{address}/?token={bridge.token}")).status_code == 303
            await client.get(f"{address}/?token=almost-right")

    asyncio.run(go())
    log = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("uvicorn"))
    assert '"GET / HTTP/1.1" 303' in log
    assert '"GET / HTTP/1.1" 401' in log
    assert bridge.token not in log
    assert "almost-right" not in log


def test_events_stream_over_a_real_socket_until_the_listener_leaves(bridge):
    async def go():
        headers = {"Authorization": f"Bearer {bridge.token}"}
        async with (
            served(bridge) as address,
            httpx.AsyncClient(headers=headers) as client,
            client.stream("GET", f"{address}/api/events/stream") as answer,
        ):
            lines = answer.aiter_lines()
            assert answer.headers["content-type"].startswith("text/event-stream")
            assert await anext(lines) == ": connected"
            bridge.events.add("error", "store", "the disk is full")
            return [await anext(lines), await anext(lines)]

    assert "the disk is full" in asyncio.run(go())[1]

"""The API of microworlds, on a real port with the real WorldHost: who may, what is refused, what is told."""

import base64
import json
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from host_bridge.microworld.signing import Signer
from host_bridge.service.bounded import MOST_BYTES
from tests.host import worlds_kit
from tests.host.served_bridge import ServedBridge, home
from tests.host.worlds_kit import BINDING

ROUTES = [
    ("GET", "/api/worlds"),
    ("GET", "/api/worlds/spare"),
    ("POST", "/api/worlds/spare"),
    ("DELETE", "/api/worlds/spare"),
    ("POST", "/api/worlds/spare/swap"),
    ("DELETE", "/api/worlds/spare/swap"),
    ("GET", "/api/worlds/spare/ticks"),
    ("GET", "/api/worlds/spare/spec"),
    ("GET", "/api/worlds/spare/case"),
    ("GET", "/api/worlds/spare/case.html"),
    ("GET", "/api/catalogue"),
    ("GET", "/api/catalogue/lamp"),
    ("POST", "/api/check"),
]


@pytest.fixture(scope="module")
def worlds(tmp_path_factory):
    """(signed by the bridge's key: as written, with strategy half; by a stranger; with an assumption)."""
    folder = tmp_path_factory.mktemp("keys")
    files = {
        "all": worlds_kit.world(folder),
        "half": worlds_kit.world(folder, profile={"sun": "half"}),
        "assuming": worlds_kit.world(folder, worlds_kit.ASSUMING, {"sun": "half"}),
        "strange": worlds_kit.world(folder, signer=Signer(b"\1" * 32)),
    }
    return folder, files


@pytest.fixture
def bridge(tmp_path, worlds):
    served = ServedBridge(tmp_path, home())
    served.worlds_clock_ms = 0
    folder = served.config.worlds_folder
    folder.mkdir(mode=0o700)
    (folder / "signer.key").write_bytes((worlds[0] / "signer.key").read_bytes())
    (folder / "signer.key").chmod(0o600)
    yield served.start()
    served.stop()


@pytest.fixture
def ask(bridge):
    headers = {"Authorization": f"Bearer {bridge.token}"}
    with httpx.Client(base_url=bridge.url, headers=headers, timeout=60, verify=False) as client:
        yield client.request


def body(world, **more):
    return {"world": base64.b64encode(world).decode(), **more}


@pytest.fixture
def installed(ask, worlds):
    answer = ask("POST", "/api/worlds/spare", json=body(worlds[1]["all"], binding=BINDING))
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_nobody_without_the_token_gets_anywhere(bridge):
    with httpx.Client(base_url=bridge.url, verify=False) as client:
        for method, path in ROUTES:
            assert client.request(method, path).status_code == 401, path


def test_a_world_is_installed_ticks_and_is_told_of(bridge, ask, installed):
    assert installed["phase"] == "running" and installed["outputs"] == {"heat": 0}
    bridge.views["home-1"].live[0] = bridge.views["home-1"].live[0]._replace(active_power_mw=-2_400_000)
    bridge.tick(2)
    told = ask("GET", "/api/worlds/spare").json()
    assert told["inputs"] == {"power": -2400} and told["outputs"] == {"heat": 1} and told["ticks"] == 2
    assert told["units"] == {"power": "W", "heat": "on/off", "on_for": "s"} and told["missed"] == 0
    assert [each["name"] for each in ask("GET", "/api/worlds").json()] == ["spare"]
    rows = ask("GET", "/api/worlds/spare/ticks", params={"limit": 1}).json()["rows"]
    assert len(rows) == 1 and rows[0]["inputs"] == [-2400] and rows[0]["outputs"] == [1] and rows[0]["state"] == [1]
    assert ask("GET", "/api/worlds/spare/ticks", params={"limit": 901}).status_code == 422


def test_its_specification_and_its_case_are_told(ask, installed):
    told = ask("GET", "/api/worlds/spare/spec").json()
    assert told["spec"] == worlds_kit.SPEC and told["profile"] == {"sun": "all"}
    case = ask("GET", "/api/worlds/spare/case").json()
    assert case["digest"] == installed["digest"]
    page = ask("GET", "/api/worlds/spare/case.html")
    assert page.headers["content-type"].startswith("text/html") and "only with the sun" in page.text
    assert "<script" not in page.text


def test_a_swap_runs_beside_and_takes_over(bridge, ask, installed, worlds):
    how = body(worlds[1]["half"], shadow_ticks=3, probation_ticks=2)
    answer = ask("POST", "/api/worlds/spare/swap", json=how)
    assert answer.status_code == 200, answer.text
    assert answer.json()["newcomer"]["shadow_ticks"] == 3
    assert ask("POST", "/api/worlds/spare/swap", json=how).status_code == 409  # one at a time
    bridge.tick(3)
    told = ask("GET", "/api/worlds/spare").json()
    assert told["newcomer"] is None and told["phase"] == "probation" and told["previous"] == installed["digest"]
    assert told["profile"] == {"sun": "half"}
    bridge.tick(3)
    assert ask("GET", "/api/worlds/spare").json()["phase"] == "running"


def test_one_whose_assumption_breaks_is_rolled_back_and_the_events_say_so(bridge, ask, installed, worlds):
    how = body(worlds[1]["assuming"], shadow_ticks=2, probation_ticks=9)
    view = bridge.views["home-1"]
    view.live[0] = view.live[0]._replace(active_power_mw=0)
    assert ask("POST", "/api/worlds/spare/swap", json=how).status_code == 200
    bridge.tick(2)
    assert ask("GET", "/api/worlds/spare").json()["phase"] == "probation"
    view.live[0] = view.live[0]._replace(active_power_mw=1_500_000)
    bridge.tick(1)
    told = ask("GET", "/api/worlds/spare").json()
    assert told["digest"] == installed["digest"] and told["phase"] == "running" and not told["idle"]
    events = [event for event in bridge.events.recent if event.kind == "world rolled back"]
    assert len(events) == 1 and "assumption broken: power <= 500" in events[0].text


def test_a_swap_is_called_off_and_a_world_removed(ask, bridge, installed, worlds):
    assert ask("DELETE", "/api/worlds/spare/swap").status_code == 409
    ask("POST", "/api/worlds/spare/swap", json=body(worlds[1]["half"]))
    assert ask("DELETE", "/api/worlds/spare/swap").json()["newcomer"] is None
    assert ask("DELETE", "/api/worlds/spare").json() == {"removed": "spare"}
    assert ask("GET", "/api/worlds").json() == []
    assert ask("GET", "/api/worlds/spare").status_code == 404


def damaged(file: bytes) -> bytes:
    """Its last bit is another."""
    return file[:-1] + bytes([file[-1] ^ 1])


@pytest.mark.parametrize(
    ("change", "code", "says"),
    [
        (lambda ok, files: {**ok, "world": "no base64!"}, 422, "base64"),
        (lambda ok, files: {**ok, "world": base64.b64encode(b"\0" * 100).decode()}, 409, "no world file"),
        (lambda ok, files: {**ok, "world": body(files["strange"])["world"]}, 409, "not trusted here"),
        (lambda ok, files: {**ok, "world": body(damaged(files["all"]))["world"]}, 409, "signature"),
        (lambda ok, files: {"world": ok["world"]}, 422, "binding"),
        (lambda ok, files: {**ok, "binding": {"inputs": {}}}, 409, "input power is not bound"),
        (lambda ok, files: {**ok, "binding": {"inputs": {"power": "nowhere.grid.active_power_mw"}}}, 409, "no node"),
        (lambda ok, files: {**ok, "unverified": True}, 422, "Extra inputs"),
    ],
)
def test_what_is_not_in_order_is_not_installed(ask, worlds, change, code, says):
    ok = body(worlds[1]["all"], binding=BINDING)
    answer = ask("POST", "/api/worlds/spare", json=change(ok, worlds[1]))
    assert answer.status_code == code and says in answer.text, answer.text
    assert ask("GET", "/api/worlds").json() == []


def test_a_body_without_a_length_or_with_too_great_a_one_is_not_read(ask, bridge):
    assert ask("POST", "/api/check", content=iter([b"{}"])).status_code == 411
    assert ask("POST", "/api/check", content=b" " * (MOST_BYTES + 1)).status_code == 413


def test_the_catalogue_is_told(ask):
    names = ask("GET", "/api/catalogue").json()
    assert {"lamp", "relay_guard", "battery_guard"} <= set(names)
    assert 'name = "lamp"' in ask("GET", "/api/catalogue/lamp").json()["spec"]
    answer = ask("GET", "/api/catalogue/..%2fx")
    assert answer.status_code == 404


@pytest.mark.slow
def test_a_specification_is_proved_elsewhere(ask):
    told = ask("POST", "/api/check", json={"spec": worlds_kit.SPEC, "profile": {"sun": "half"}}).json()
    assert told["accepted"] and told["errors"] == [] and told["wasm_bytes"] > 0 and "bytes" not in told
    assert {"only with the sun", "no trap"} <= {each["claim"] for each in told["verdicts"]}


@pytest.mark.slow
def test_a_refuted_claim_comes_with_a_run_that_breaks_it(ask):
    told = ask("POST", "/api/check", json={"spec": worlds_kit.REFUTED}).json()
    refuted = [each for each in told["verdicts"] if each["outcome"] == "refuted"]
    assert not told["accepted"] and [each["claim"] for each in refuted] == ["only with the sun"]
    last = refuted[0]["trace"][-1]
    assert last["heat"] == 1 and last["power"] >= 0


def test_an_error_is_told_by_line_and_column(ask):
    told = ask("POST", "/api/check", json={"spec": worlds_kit.BROKEN}).json()
    line = worlds_kit.BROKEN.splitlines().index('is = "wished"') + 1
    assert [(each["line"], each["column"]) for each in told["errors"]] == [(line, 7)] and told["verdicts"] == []


@pytest.mark.slow
def test_one_check_at_a_time_for_each_client(ask):
    def check(_):
        return ask("POST", "/api/check", json={"spec": worlds_kit.SPEC}).status_code

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(check, range(2))) == [200, 429]
    assert check(0) == 200


def test_all_of_it_is_in_openapi(ask):
    paths = json.loads(ask("GET", "/api/openapi.json").text)["paths"]
    told = {(method.upper(), path.replace("{name}", "spare")) for path, methods in paths.items() for method in methods}
    assert {(m, p.replace("lamp", "spare")) for m, p in ROUTES} <= told

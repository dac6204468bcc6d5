"""One household that is disturbed in one way after the other, over HTTP and on its lines; at the end all is there."""

import os
import random
import signal
import threading
import time

import httpx
import pytest

from host_bridge.service.auth import load_token
from tests.system.seen import DWELL_S, HEATER, SEED, assert_all_there, events, reported, state, until
from tools.household import BridgeProcess, free_port, wait_online, write_config

pytestmark = pytest.mark.slow


def test_noise_on_the_line_is_told_and_loses_nothing(bridge):
    dice = random.Random(SEED)
    node = bridge.nodes[0]

    def disturbed():
        node.disturb(dice.randbytes(200))
        return events(bridge, "garbage")

    (garbage,) = until(disturbed, every_s=0.2)
    assert str(node.port) in garbage[1]
    assert state(bridge, bridge.nodes[1].name) == "online"
    until(lambda: state(bridge, node.name) == "online")
    assert node.running


def test_a_second_bridge_on_the_same_ports_is_refused_and_the_first_goes_on(bridge, tmp_path):
    second = BridgeProcess(write_config(tmp_path, free_port(0), bridge.nodes))
    second.start()
    try:
        client = second.connect()
        failed = until(lambda: [e for e in client.events(100) if e["kind"] == "link failed"][1:])
        assert all("in use by another program" in event["text"] for event in failed)
        assert {node["link_state"] for node in client.nodes()} == {"connecting"}
        time.sleep(3)
        assert len([e for e in client.events(100) if e["kind"] == "link failed"]) == 2  # once for each port
    finally:
        second.stop()
    assert {state(bridge, node.name) for node in bridge.nodes} == {"online"}
    assert events(bridge, "link failed") == []


class Http:
    """Commands as a program sends them."""

    def __init__(self, house):
        self.url = f"http://127.0.0.1:{house.process.config.web.port}/api/commands"
        self.headers = {"Authorization": f"Bearer {load_token(house.process.config.token_file)}"}
        self.node = house.nodes[0].name

    def post(self, headers=None, **changes):
        body = {"node": self.node, "contactor": HEATER, "target": "closed", "hold_s": 5, "reason": "test", **changes}
        headers = self.headers if headers is None else headers
        answer = httpx.post(self.url, json=body, headers=headers, timeout=15, trust_env=False)
        return answer.status_code, answer.json()


def test_commands_over_http_have_the_right_codes(bridge):
    http, node = Http(bridge), bridge.nodes[0]
    until(lambda: reported(bridge, node.name)["dwell_remaining_ms"] == 0)
    assert http.post(headers={})[0] == 401
    refused = [
        (404, "unknown node", {"node": "nobody"}),
        (404, "unknown contactor", {"contactor": "boiler"}),
        (422, "bad target", {"target": "ajar"}),
        (422, "hold out of range", {"hold_s": 0}),
        (422, "hold out of range", {"hold_s": 901}),
    ]
    for code, refusal, changes in refused:
        status, body = http.post(**changes)
        assert (status, body["verdict"], body["refusal"]) == (code, "refused", refusal) and body["detail"]
    assert http.post(hold_s="5")[0] == 422
    status, body = http.post()
    assert (status, body["verdict"]) == (200, "applied")
    status, body = http.post(target="open")
    assert (status, body["refusal"], body["detail"]) == (409, "refused by the node", "min on time")
    assert 0 < body["wait_ms"] <= DWELL_S * 1000
    until(lambda: reported(bridge, node.name)["state"] == "open")


def test_a_node_that_does_not_answer_ends_unknown_and_one_that_is_gone_is_refused(bridge):
    http, node = Http(bridge), bridge.nodes[0]
    until(lambda: reported(bridge, node.name)["dwell_remaining_ms"] == 0)
    os.kill(node.pid, signal.SIGSTOP)
    answers = []
    asking = threading.Thread(target=lambda: answers.append(http.post()))
    asking.start()
    until(lambda: reported(bridge, node.name)["pending"])
    status, body = http.post(target="open")
    assert (status, body["refusal"]) == (409, "another command is pending")
    asking.join()
    assert (answers[0][0], answers[0][1]["verdict"]) == (504, "unknown")
    time.sleep(0.5)
    os.kill(node.pid, signal.SIGCONT)
    until(lambda: state(bridge, node.name) == "online")
    time.sleep(1)
    assert reported(bridge, node.name)["state"] == "open"  # what had expired was not carried out
    node.kill()
    until(lambda: state(bridge, node.name) == "stale")
    status, body = http.post()
    assert (status, body["refusal"]) == (503, "node is not online")
    node.start()
    until(lambda: state(bridge, node.name) == "online")


def test_after_all_that_everything_is_there(bridge):
    wait_online(bridge.client, 2)
    assert_all_there(bridge)

"""Worlds that nodes run as bytecode, in their plans: installed and removed as plans are, told from what they keep."""

import hashlib
import json
import sys
import time
from argparse import Namespace
from typing import Any

from host_bridge import config, node_world, plan
from host_bridge.client import Bridge, BridgeError
from host_bridge.microworld import bytecode, catalogue, spec
from host_bridge.microworld.bundle import Bundle
from host_bridge.model import NodeView
from host_bridge.terminal import kept
from host_bridge.times import in_words

DONE, FAILED = 0, 1
Answer = dict[str, Any]


def install(args: Namespace, bridge: Bridge, its: Bundle, bound: Answer) -> int:
    """Have the node that --on names run the world's bytecode."""
    if not its.bytecode:
        raise config.ConfigError(
            f"{its.program().name} has no bytecode: gridnexus world check says why, and the bridge can run it"
        )
    view = _view(bridge.node(args.on))
    now_s = time.time_ns() // 1_000_000_000
    valid = (now_s, now_s + args.until) if args.until else None
    zone = config.load(config.find(args.config)).zone
    try:
        body = node_world.document(its.program(), its.bytecode, bound, view, guard=args.guard, valid=valid, zone=zone)
    except node_world.NodeWorldError as error:
        raise config.ConfigError(f"{args.on}: {error}") from None
    return _stored(args, bridge, body, f"world {its.program().name}")


def remove(args: Namespace, bridge: Bridge) -> int:
    """Clear the plan that carries the world of a node. A plan without a world is left alone."""
    if _runs(bridge, bridge.node(args.on)) is None:
        raise config.ConfigError(f"{args.on} runs no world; its plan is cleared with: gridnexus plan {args.on} --clear")
    return _stored(args, bridge, plan.empty(), "world removed")


def running(bridge: Bridge) -> list[Answer]:
    """What each node that is online runs."""
    found = [_runs(bridge, node) for node in bridge.nodes() if node["link_state"] == "online"]
    return [body for body in found if body is not None]


def named(digest: str) -> str:
    """The world of the catalogue that this bytecode is, with its parameters as written; else the digest."""
    for name in catalogue.names():
        try:
            code = bytecode.compile(spec.read(catalogue.spec_path(name).read_text(encoding="utf-8"), name).program())
        except ValueError:
            continue
        if hashlib.sha256(code).hexdigest() == digest:
            return name
    return f"sha256:{digest[:12]}"


def _runs(bridge: Bridge, node: Answer) -> Answer | None:
    try:  # what the node said of its plan may be a minute old: it is asked
        body = bytes.fromhex(bridge.document(node["name"], "plan")["body"])
    except BridgeError:  # it went away meanwhile
        return None
    its = node_world.read(body, _view(node))
    if its is None:
        return None
    left_s = its.valid[1] - int(time.time()) if its.valid else None
    state = "in force" if left_s is None or left_s > 0 else "over"
    return {
        "node": node["name"],
        "name": named(its.digest),
        "guard": its.is_guard,
        "digest": its.digest,
        "state": state,
        "computed": f"for {in_words(left_s * 1000)} more" if left_s and left_s > 0 else "",
        "inputs": list(its.inputs),
        "outputs": list(its.outputs),
        "valid": its.valid,
    }


def _stored(args: Namespace, bridge: Bridge, body: bytes, reason: str) -> int:
    said = bridge.store_document(args.on, "plan", body, reason)
    print(json.dumps(said, indent=2) if args.json else kept(said), file=sys.stdout)
    return DONE if said["verdict"] == "applied" else FAILED


def _view(node: Answer) -> NodeView:
    """As much of a node as a binding needs."""
    view = NodeView(node["name"], node["link"])
    view.channels = tuple(body["channel"] for body in node["channels"])
    view.contactors = tuple(body["name"] for body in node["contactors"])
    return view

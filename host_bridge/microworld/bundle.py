"""A `.world` file: all that a world is, with the digest of each part and a signature over those digests.

CBOR in its one deterministic form: ["gridnexus world", 1, parts, digests, public key, signature], where `parts` are
byte strings in the order of PARTS, `digests` their SHA-256, and Ed25519 signs MAGIC, format and digests on end.
"""

import hashlib
from collections.abc import Collection
from pathlib import Path
from typing import Any, NamedTuple

import cbor2

from host_bridge.microworld import signing
from host_bridge.microworld.on_disk import make_folder, write_whole
from host_bridge.microworld.program import Program
from host_bridge.microworld.spec import read as read_spec

MAGIC, FORMAT = "gridnexus world", 1
SUFFIX = ".world"
# Each part with the most bytes that it may have: the spec's text (TOML), profile and parameters (CBOR maps), the
# module, the node's bytecode (may be empty), the assurance case (JSON).
PARTS = {"spec": 256 << 10, "profile": 8 << 10, "parameters": 8 << 10, "wasm": 64 << 10, "bytecode": 16 << 10,
         "case": 1 << 20}  # fmt: skip
MOST_BYTES = sum(PARTS.values()) + 1024


class BundleError(ValueError):
    """A file is no world that is taken here; the text says what to do."""


class Bundle(NamedTuple):
    """What a file holds, its digests and signature checked. That the case is of these bytes is `verify`'s to say."""

    spec: str
    profile: dict[str, str]
    parameters: dict[str, int]
    wasm: bytes
    bytecode: bytes
    case: str
    key: str  # whose signature it bears
    digest: str  # of the module: what a world is known by
    file: str  # of the whole file: what it is kept under

    def program(self) -> Program:
        """The typed tree. Raises SpecError: the spec does not say this."""
        return read_spec(self.spec, "the world's spec").program(self.profile, self.parameters)


def build(
    text: str,
    profile: dict[str, str],
    parameters: dict[str, int],
    wasm: bytes,
    bytecode: bytes,
    case: str,
    signer: signing.Signer,
) -> bytes:
    """The file. Raises BundleError: a part is too large."""
    profile_bytes, parameter_bytes = (cbor2.dumps(part, canonical=True) for part in (profile, parameters))
    parts = [text.encode(), profile_bytes, parameter_bytes, wasm, bytecode, case.encode()]
    _check_sizes(parts)
    digests = [hashlib.sha256(part).digest() for part in parts]
    signature = signer.sign(_signed(digests))
    return cbor2.dumps([MAGIC, FORMAT, parts, digests, signing.raw(signer.public), signature], canonical=True)


def read(content: bytes, trusted: Collection[str]) -> Bundle:
    """The world in `content`, signed by one of `trusted`. Raises BundleError."""
    parts, digests, key, signature = _fields(_decoded(content, MOST_BYTES, 3, "the file"))
    for name, part, digest in zip(PARTS, parts, digests, strict=True):
        if hashlib.sha256(part).digest() != digest:
            raise BundleError(f"the world's {name} has been changed since it was built: its digest is another")
    public = signing.KIND + key.hex()
    if public not in trusted:
        raise BundleError(
            f"the world is signed by {public}, which is not trusted here: if you know whose key that is, add it to "
            "[worlds] trusted in the configuration; else build the world here from its spec"
        )
    if not signing.verify(public, signature, _signed(digests)):
        raise BundleError("the world's signature is not right: it was changed, or signed by another key than it says")
    return _bundle(parts, public, content)


def _bundle(parts: list[bytes], public: str, content: bytes) -> Bundle:
    text, profile, parameters, wasm, bytecode, case = parts
    try:
        chosen = _map(_decoded(profile, PARTS["profile"], 2, "its profile"), str)
        folded = _map(_decoded(parameters, PARTS["parameters"], 2, "its parameters"), int)
        digest, file = hashlib.sha256(wasm).hexdigest(), hashlib.sha256(content).hexdigest()
        return Bundle(text.decode(), chosen, folded, wasm, bytecode, case.decode(), public, digest, file)
    except UnicodeDecodeError:
        raise BundleError("no world file: its text is no text") from None


def _signed(digests: list[bytes]) -> bytes:
    return f"{MAGIC} {FORMAT}\n".encode() + b"".join(digests)


def _decoded(content: bytes, most: int, depth: int, what: str) -> Any:
    if len(content) > most:
        raise BundleError(f"no world file: {what} has {len(content)} bytes; {most} are the most")
    try:
        found = cbor2.loads(content, max_depth=depth)
        same = cbor2.dumps(found, canonical=True) == content
    except Exception as error:  # cbor2 raises whatever the depth of the damage calls for
        raise BundleError(f"no world file: {what} is damaged ({str(error)[:80]})") from None
    if not same:
        raise BundleError(f"no world file: {what} is not in CBOR's deterministic form")
    return found


def _fields(found: Any) -> tuple[list[bytes], list[bytes], bytes, bytes]:
    if not isinstance(found, list) or len(found) != 6 or found[0] != MAGIC:
        raise BundleError("no world file: `gridnexus world build` makes one")
    if found[1] != FORMAT:
        raise BundleError(f"a world file of format {found[1]!r:.20}, and this version reads {FORMAT}: build it anew")
    parts, digests, key, signature = found[2:]
    for items, length in ((parts, None), (digests, 32), ([key], 32), ([signature], 64)):
        if not isinstance(items, list) or any(type(item) is not bytes for item in items):
            raise BundleError("no world file: a part is of the wrong type")
        if length and any(len(item) != length for item in items):
            raise BundleError("no world file: a digest, a key or a signature has the wrong length")
    if len(parts) != len(PARTS) or len(digests) != len(PARTS):
        raise BundleError(f"no world file: it has {len(parts)} parts instead of {len(PARTS)}")
    _check_sizes(parts)
    return parts, digests, key, signature


def _check_sizes(parts: list[bytes]) -> None:
    for name, part in zip(PARTS, parts, strict=True):
        if len(part) > PARTS[name]:
            raise BundleError(f"the world's {name} has {len(part)} bytes; {PARTS[name]} are the most")


def _map(found: Any, kind: type) -> dict[str, Any]:
    if not isinstance(found, dict) or any(type(k) is not str or type(v) is not kind for k, v in found.items()):
        raise BundleError("no world file: profile or parameters are of the wrong type")
    return found


class BundleStore:
    """Files by their digest in `folder`, each whole or not there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, content: bytes) -> str:
        """Keep `content`; returns its digest. Raises OSError."""
        digest = hashlib.sha256(content).hexdigest()
        make_folder(self._folder)
        write_whole(self._folder / (digest + SUFFIX), content)
        return digest

    def get(self, digest: str) -> bytes:
        """What was put. Raises BundleError: it is not there, or is no longer what it was."""
        path = self._folder / (digest + SUFFIX)
        try:
            with open(path, "rb") as file:
                content = file.read(MOST_BYTES + 1)
        except OSError as error:
            raise BundleError(f"{path}: cannot be read: {error.strerror}") from error
        if hashlib.sha256(content).hexdigest() != digest:
            raise BundleError(f"{path} is damaged: install the world again")
        return content

    def keep_only(self, digests: Collection[str]) -> None:
        """Remove all other worlds, and what a power cut left half-written. Raises OSError."""
        for path in self._folder.glob(f"*{SUFFIX}"):
            if path.stem not in digests:
                path.unlink(missing_ok=True)
        for draft in self._folder.glob(".*.new"):
            draft.unlink(missing_ok=True)

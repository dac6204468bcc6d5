"""World files: what was built is read; what was changed, unsigned or signed by a stranger is refused, and says why."""

import hashlib
import os
import random

import cbor2
import pytest

from host_bridge.microworld import bundle, signing
from host_bridge.microworld.bundle import BundleError, BundleStore, build, read
from host_bridge.microworld.signing import Signer, SigningError

OURS, STRANGER = Signer(b"\x01" * 32), Signer(b"\x02" * 32)
PARTS = (
    "[world]\nname = 'x' # ü",
    {"battery": "greedy"},
    {"min_on": 60},
    b"\0asm\1\0\0\0",
    b"\1\2",
    '{"accepted": true}',
)
FILE = build(*PARTS, OURS)
TRUSTED = [OURS.public]


def test_what_was_built_is_read():
    found = read(FILE, TRUSTED)
    assert found[:6] == PARTS
    assert found.key == OURS.public
    assert found.digest == hashlib.sha256(PARTS[3]).hexdigest()
    assert found.file == hashlib.sha256(FILE).hexdigest()
    assert build(*PARTS, OURS) == FILE


def test_a_stranger_is_named_and_not_believed():
    with pytest.raises(BundleError, match=f"signed by {STRANGER.public}, which is not trusted here"):
        read(build(*PARTS, STRANGER), TRUSTED)
    assert read(build(*PARTS, STRANGER), [*TRUSTED, STRANGER.public]).key == STRANGER.public
    with pytest.raises(BundleError, match="not trusted"):
        read(FILE, [])


def changed(**fields):
    magic, form, parts, digests, key, signature = cbor2.loads(FILE)
    now = {"magic": magic, "form": form, "parts": parts, "digests": digests, "key": key, "signature": signature}
    return cbor2.dumps(list((now | fields).values()), canonical=True)


def test_the_part_that_was_changed_is_named():
    parts = cbor2.loads(FILE)[2]
    for k, name in enumerate(bundle.PARTS):
        others = [*parts[:k], parts[k] + b"\0", *parts[k + 1 :]]
        with pytest.raises(BundleError, match=f"the world's {name} has been changed"):
            read(changed(parts=others), TRUSTED)
        digests = [hashlib.sha256(part).digest() for part in others]
        with pytest.raises(BundleError, match="signature is not right"):
            read(changed(parts=others, digests=digests), TRUSTED)


def test_a_signature_of_another_key_is_refused():
    key = signing.raw(STRANGER.public)
    with pytest.raises(BundleError, match="signature is not right"):
        read(changed(key=key), [OURS.public, STRANGER.public])
    with pytest.raises(BundleError, match="signature is not right"):
        read(changed(signature=b"\0" * 64), TRUSTED)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "damaged"),
        (b"\xff" * 100, "damaged"),
        (FILE + b"\0", "damaged|deterministic"),
        (FILE[:-1], "damaged"),
        (b"\x9f" + FILE[1:] + b"\xff", "damaged|deterministic"),
        (cbor2.dumps({"a": 1}), "no world file"),
        (cbor2.dumps(["gridnexus world", 1]), "no world file"),
        (b"\x81" * 5000, "damaged"),
        (changed(magic="another"), "no world file"),
        (changed(form=2), "format 2, and this version reads 1"),
        (changed(parts=[b""] * 5), "5 parts instead of 6"),
        (changed(parts=["text"] * 6), "wrong type"),
        (changed(digests=[b"\0" * 31] * 6), "wrong length"),
        (changed(key=5), "wrong type"),
        (changed(parts=[b""] * 3 + [b"\0" * 70_000] + [b""] * 2), "wasm has 70000 bytes"),
        (b"\0" * (bundle.MOST_BYTES + 1), "are the most"),
    ],
)
def test_what_is_no_world_file_is_refused(content, says):
    with pytest.raises(BundleError, match=says):
        read(content, TRUSTED)


def test_signed_parts_of_wrong_types_are_refused():
    for profile, parameters in (({"a": 1}, {}), ({}, {"a": "b"}), ({}, {"a": True}), ([], {})):
        with pytest.raises(BundleError, match="wrong type"):
            read(build(PARTS[0], profile, parameters, *PARTS[3:], OURS), TRUSTED)


def test_no_byte_can_be_turned_unnoticed():
    chance = random.Random(6)
    for _ in range(400):
        at = chance.randrange(len(FILE))
        with pytest.raises(BundleError):
            read(FILE[:at] + bytes([FILE[at] ^ (1 << chance.randrange(8))]) + FILE[at + 1 :], TRUSTED)


def test_what_is_too_large_is_not_built():
    with pytest.raises(BundleError, match="spec has"):
        build("#" * 300_000, *PARTS[1:], OURS)


def test_a_key_is_made_once_and_only_its_owner_can_read_it(tmp_path):
    folder = tmp_path / "worlds"
    assert Signer.known(folder) is None
    made = Signer.of(folder)
    assert Signer.of(folder).public == made.public == Signer.known(folder).public
    assert (folder / "signer.key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in folder.iterdir()] == ["signer.key"]
    secret = (folder / "signer.key").read_text()
    assert secret not in repr(made) + str(vars(made))
    assert Signer.of(tmp_path / "another").public != made.public


def test_two_that_make_a_key_at_once_have_the_same(tmp_path, monkeypatch):
    first = []
    link = os.link

    def slow(draft, path):
        monkeypatch.setattr(os, "link", link)
        first.append(Signer.of(tmp_path).public)
        link(draft, path)

    monkeypatch.setattr(os, "link", slow)
    assert [Signer.of(tmp_path).public] == first


def test_a_key_that_cannot_be_used_says_what_to_do(tmp_path):
    Signer.of(tmp_path)
    path = tmp_path / "signer.key"
    path.chmod(0o640)
    with pytest.raises(SigningError, match="chmod 600"):
        Signer.of(tmp_path)
    path.chmod(0o600)
    for damage in ("", "zz", "ab" * 31):
        path.write_text(damage)
        with pytest.raises(SigningError, match="is no private key"):
            Signer.known(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(SigningError, match="cannot be kept there"):
        Signer.of(tmp_path / "file")


@pytest.mark.parametrize(
    "public", ["", "ed25519:", "ed25519:zz", "rsa:" + "00" * 32, "00" * 32, "ed25519:" + "00" * 31]
)
def test_what_is_no_public_key_is_said(public):
    with pytest.raises(SigningError, match="is no public key"):
        signing.raw(public)


def test_rfc_8032_test_2():
    secret = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
    signer = Signer(secret)
    assert signer.public == "ed25519:3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
    assert signer.sign(b"\x72").hex().startswith("92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da")
    assert signing.verify(signer.public, signer.sign(b"\x72"), b"\x72")
    assert not signing.verify(signer.public, signer.sign(b"\x72"), b"\x73")


def test_worlds_are_kept_by_their_digest_and_no_others(tmp_path):
    store = BundleStore(tmp_path / "worlds")
    first, second = store.put(FILE), store.put(b"another")
    assert store.get(first) == FILE
    (tmp_path / "worlds" / ".x.world.new").write_bytes(b"half")
    store.keep_only({first})
    assert sorted(path.name for path in (tmp_path / "worlds").iterdir()) == [first + ".world"]
    with pytest.raises(BundleError, match="cannot be read"):
        store.get(second)
    (tmp_path / "worlds" / (first + ".world")).write_bytes(FILE[:-1])
    with pytest.raises(BundleError, match="is damaged"):
        store.get(first)

"""A node's keys in flash: whole or as before, changed over the link, and never told to anybody."""

import os

from test_node import KEY, Bench

from gridnode.node.keys import drop_key, load_keys, save_keys, store_key
from gridnode.wire import cbor, schema

DOCUMENT = schema.DOCUMENTS.index("key")
NEW = b"n" * 32


class Taker:
    def __init__(self):
        self.added = []

    def add_key(self, slot, key):
        self.added.append((slot, key))


def folder():
    return os.getenv("TMPDIR")


def write(text):
    with open(folder() + "/keys.json", "w") as file:
        file.write(text)


def packed(slot, key):
    buffer = bytearray(60)
    return bytes(buffer[: cbor.put(buffer, 0, [slot, key])])


def test_keys_are_read_as_they_were_written_and_no_file_is_no_key():
    if "keys.json" in os.listdir(folder()):
        os.remove(folder() + "/keys.json")
    assert load_keys(folder()) == []
    for keys in ([(1, KEY)], [(3, NEW), (1, KEY)]):
        save_keys(folder(), keys)
        assert load_keys(folder()) == keys and "keys.new" not in os.listdir(folder())


def test_a_file_that_holds_no_keys_is_told_and_its_text_is_not():
    right = '[1, "' + "6b" * 32 + '"]'
    for text in ("", "5", "[1]", "[[1, 2]]", '[[1, "xy"]]', '[[1, "6b6b"]]', '[[4, "' + "6b" * 32 + '"]]',
                 "[" + ", ".join([right] * 3) + "]"):  # fmt: skip
        write(text)
        try:
            load_keys(folder())
            raise AssertionError(text)
        except ValueError as error:
            assert "provision" in str(error) and "6b6b" not in str(error)


def test_a_key_that_comes_over_the_link_stands_beside_the_newest_before():
    save_keys(folder(), [(1, KEY), (2, NEW)])
    taker = Taker()
    reason, version, digest = store_key(folder(), taker, packed(3, b"3" * 32))
    assert (reason, version, len(digest)) == ("none", 3, 8) and taker.added == [(3, b"3" * 32)]
    assert load_keys(folder()) == [(2, NEW), (3, b"3" * 32)]
    drop_key(folder(), 2)
    assert load_keys(folder()) == [(3, b"3" * 32)]


def test_what_is_no_key_changes_nothing():
    save_keys(folder(), [(1, KEY)])
    taker = Taker()
    for body in (b"", b"\xff", packed(4, KEY), packed(0, KEY), packed(1, b"short"), packed("1", KEY), b"\x05"):
        assert store_key(folder(), taker, body) == ("bad document", 0, b""), body
    assert load_keys(folder()) == [(1, KEY)] and not taker.added


def test_a_node_takes_a_key_offers_it_and_forgets_the_old_one_and_tells_neither():
    save_keys(folder(), [(1, KEY)])
    bench = Bench()
    bench.node._folder = folder()
    bench.run(5_000)
    bench.welcome()
    bench.link.host.use_keys([(1, KEY), (2, NEW)])
    sent = bench.say([schema.STORE, bench.session, 1, DOCUMENT, packed(2, NEW), bench.now_ms + 1000])
    (stored,) = [message for message in sent if message[0] == schema.STORED]
    assert stored[3:7] == [1, 0, DOCUMENT, 2] and load_keys(folder()) == [(1, KEY), (2, NEW)]
    (document,) = [m for m in bench.say([schema.FETCH, bench.session, 2, DOCUMENT]) if m[0] == schema.DOCUMENT]
    assert document[3:] == [DOCUMENT, 2, b"", b""]
    bench.welcome()
    assert bench.link.host.slot == 2
    bench.run(bench.now_ms + 2_000)
    assert load_keys(folder()) == [(2, NEW)]

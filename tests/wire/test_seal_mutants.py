"""The tests of sealing find what they are there to find: each broken seal.py fails the test named beside it."""

from pathlib import Path
from types import ModuleType

import pytest
import test_seal

from gridnode.wire import seal

SOURCE = Path(seal.__file__).read_text()
MUTANTS = {
    "tag not checked": (
        "if _differ(packet, end, self._tag(text)):",
        "if False:",
        test_seal.test_one_flipped_bit_anywhere_is_refused,
    ),
    "last byte of the tag not checked": (
        "    while k < 8:\n        wrong",
        "    while k < 7:\n        wrong",
        test_seal.test_one_flipped_bit_anywhere_is_refused,
    ),
    "header left out of the tag": (
        "sha256(self._head)",
        "sha256(self._head[:_HEADER])",
        test_seal.test_one_flipped_bit_anywhere_is_refused,
    ),
    "header's length left out of the tag": (
        "head[71] = lengths >> 16",
        "head[71] = 0",
        test_seal.test_the_aead_vector_of_rfc_9605_appendix_c,
    ),
    "nonce without counter": (
        "((counter >> (24 - 8 * k)) & 0xFF)",
        "0",
        test_seal.test_another_counter_key_salt_or_division_is_refused,
    ),
    "nonce with the counter's low half alone": (
        "((counter >> (24 - 8 * k)) & 0xFF)",
        "(((counter & 0xFFFF) >> (24 - 8 * k)) & 0xFF)",
        test_seal.test_another_counter_key_salt_or_division_is_refused,
    ),
    "one key stream for all blocks": (
        "blocks[at + 15] = at >> 4",
        "blocks[at + 15] = 0",
        test_seal.test_the_aead_vector_of_rfc_9605_appendix_c,
    ),
    "decrypted before the tag is checked": (
        """        if _differ(packet, end, self._tag(text)):
            raise WireError("forged")
        self._crypt(text, end - start)
""",
        """        tag = self._tag(text)
        self._crypt(text, end - start)
        if _differ(packet, end, tag):
            raise WireError("forged")
""",
        test_seal.test_a_forged_packet_is_never_decrypted,
    ),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_mutant_is_found(name, monkeypatch):
    right, wrong, test = MUTANTS[name]
    assert SOURCE.count(right) == 1
    mutant = ModuleType("mutant")
    exec(SOURCE.replace(right, wrong), mutant.__dict__)
    monkeypatch.setattr(test_seal, "seal", mutant)
    with pytest.raises(AssertionError):
        test()

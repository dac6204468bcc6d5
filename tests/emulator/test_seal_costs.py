"""Sealing on the emulated RP2040: the RFCs' vectors with its own AES and SHA-256, and what a packet costs it."""

import pytest

from tests.bench import seal_costs

pytestmark = pytest.mark.slow


def test_the_vectors_pass_on_the_board():
    told = seal_costs.run_tests("test_hkdf", "test_seal")
    assert [line for line in told if not line.startswith("passed ")] == []
    assert {"passed test_hkdf_gives_the_vectors_of_rfc_5869", "passed test_the_aead_vector_of_rfc_9605_appendix_c"} < {
        *told
    }


def test_64_bytes_are_sealed_and_opened_in_time_and_in_little_heap():
    for cost in seal_costs.costs().values():
        assert 0 < cost.ms <= 1.5 and 0 < cost.allocated_bytes <= 400, cost

"""The sealed line: who is at it without the key sees nothing and moves nothing; loss costs no record."""

import pytest

from hil.checks import link

pytestmark = pytest.mark.needs("line")


def test_session_is_sealed(make, notes):
    link.handshake(make, notes)


def test_strangers_move_nothing(make, notes):
    link.intruder(make, notes)


def test_wrong_key_is_not_heard(make, notes):
    link.wrong_key(make, notes)


def test_loss_costs_no_record(make, notes):
    link.loss(make, notes)


@pytest.mark.needs("exact time")
def test_clocks_agree(make, notes):
    link.clock(make, notes)


@pytest.mark.needs("exact time")
def test_what_sealing_costs(notes):
    link.costs(notes)

"""Under pytest alone: the node collects garbage when it keeps a document, and here that would look at all of pytest's."""

import gc

import pytest


@pytest.fixture(autouse=True, scope="module")
def collections_look_at_the_test_s_own_objects():
    gc.freeze()
    yield
    gc.unfreeze()

"""README's worked example is what the market comes to."""

from tests.host.market import example


def test_the_worked_example_is_what_the_market_comes_to():
    assert example.inside(example.README.read_text("utf-8")) == example.text(), (
        "the market comes to something else: python -m tests.host.market.example"
    )

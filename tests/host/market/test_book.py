"""Orders are checked, a book keeps what is placed whatever comes first, and none crowds out another."""

from itertools import permutations

import pytest

from host_bridge.market.book import MOST_EACH, MOST_MWH, Book, BookError, Order, check
from host_bridge.market.tariff import MOST_MCT, Tariff, TariffError


def bid(home="a", limit=10, energy=5, number=0):
    return Order(home, "bid", limit, energy, number)


def offer(home="a", limit=20, energy=5, number=1):
    return Order(home, "offer", limit, energy, number)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (("", "bid", 1, 1, 0), "home is ''"),
        (("a" * 65, "bid", 1, 1, 0), "home is"),
        ((7, "bid", 1, 1, 0), "home is 7"),
        (("a", "buy", 1, 1, 0), "give bid or offer"),
        (("a", "bid", 1.0, 1, 0), "limit_mct is 1.0"),
        (("a", "bid", MOST_MCT + 1, 1, 0), "limit_mct"),
        (("a", "bid", -MOST_MCT - 1, 1, 0), "limit_mct"),
        (("a", "bid", 1, 0, 0), "energy_mwh is 0"),
        (("a", "bid", 1, -1, 0), "energy_mwh is -1"),
        (("a", "bid", 1, MOST_MWH + 1, 0), "energy_mwh"),
        (("a", "bid", 1, True, 0), "energy_mwh is True"),
        (("a", "bid", 1, 1, MOST_EACH), "number is 16"),
        (("a", "bid", 1, 1, -1), "number is -1"),
    ],
)
def test_an_order_that_is_none_is_refused(values, says):
    with pytest.raises(BookError, match=says):
        Order(*values)


@pytest.mark.parametrize("price", [1.5, True, MOST_MCT + 1, -MOST_MCT - 1, "30"])
def test_a_tariff_that_is_none_is_refused(price):
    with pytest.raises(TariffError, match="buy_mct"):
        Tariff(price)
    with pytest.raises(TariffError, match="sell_mct"):
        Tariff(1, price)


def test_a_home_never_trades_with_itself():
    check([bid(limit=19), offer(limit=20)])
    with pytest.raises(BookError, match="would buy from itself"):
        check([bid(limit=20), offer(limit=20)])
    check([bid("a", limit=20), offer("b", limit=20)])


def test_a_number_is_taken_once():
    check([bid("a"), bid("b")])
    with pytest.raises(BookError, match="two orders have the number 0"):
        check([bid("a"), bid("a", limit=11)])


def test_whatever_comes_first_the_highest_revision_stays_and_of_equal_ones_the_greater():
    placings = [((bid(energy=1),), 1), ((bid(energy=9),), 2), ((bid(energy=4),), 2), ((), 0)]
    books = []
    for order in permutations(placings):
        book = Book(0, ["a", "b"])
        for orders, revision in order:
            book.place("a", orders, revision)
        books.append(book.orders())
    assert set(books) == {(bid(energy=9),)}


def test_none_at_all_takes_orders_back():
    book = Book(0, ["a"])
    book.place("a", [bid()], 1)
    book.place("a", [], 2)
    assert book.orders() == ()


def test_what_is_refused_leaves_what_was_placed():
    book = Book(0, ["a", "b"])
    book.place("a", [bid()], 1)
    for wrong, says in [
        ([bid(limit=30), offer()], "itself"),
        ([bid("b")], "another home"),
        ([bid(), bid(limit=1)], "number 0"),
    ]:
        with pytest.raises(BookError, match=says):
            book.place("a", wrong, 2)
    with pytest.raises(BookError, match="revision"):
        book.place("a", [], -1)
    with pytest.raises(BookError, match="does not take part"):
        book.place("c", [], 1)
    assert book.orders() == (bid(),)


def test_orders_come_by_home_and_number():
    book = Book(0, ["b", "a"])
    book.place("b", [bid("b")])
    book.place("a", [offer(number=1), bid(number=0)])
    assert [(order.home, order.number) for order in book.orders()] == [("a", 0), ("a", 1), ("b", 0)]


def test_a_book_is_bounded():
    with pytest.raises(BookError, match="10001 homes"):
        Book(0, map(str, range(10_001)))

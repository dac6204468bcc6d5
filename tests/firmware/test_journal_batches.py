"""A real journal's records by batches: those in RAM, those saved, those in files, and the numbers that a boot left."""

from test_journal import MINUTE, Home, opened, told

from gridnode.wire import batch, schema
from gridnode.wire.session import decode
from gridnode.wire.unpack import unpack


def filled(name):
    journal = opened(name)
    home = Home(journal)
    for boot in range(3):
        for _ in range(60):
            home.minute()
        journal.save(home.now_ms, [tuple(kept) for kept in home.registers])
        if boot < 2:
            journal = opened(name)
            home.go_on(journal)
    return journal


def test_all_that_a_journal_holds_goes_by_batches():
    journal = filled("batched")
    packer = batch.Packer(journal, 200)
    at, bodies = journal.oldest, 0
    while at < journal.next:
        packer.begin(at, min((at // 30 + 1) * 30, journal.next), 200, (journal.boot_time_ms, MINUTE, 2))
        length = 0
        while not length:
            length = packer.step()
        assert length > 0
        for message in unpack(bytes(packer.content[:length]), decode):
            true = told(journal, message[1])
            if message[0] == schema.INTERVAL:
                assert message[:3] == true[:3] and message[5:7] == true[5:7]
                assert abs(message[3] - true[3]) <= batch.TIME_ERROR_MS
            else:
                assert message == true
            assert message[1] == at
            at += 1
        assert at == packer.next
        bodies += 1
    assert at == journal.next and bodies > 10

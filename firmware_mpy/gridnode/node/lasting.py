"""How long the flash lasts and how far back the journal reaches, at the rate of this boot."""

ERASE_CYCLES = 100_000  # of a sector: the maker's least (W25Q16JV, GD25Q32E)
ERASES = {"rp2040": 137, "esp32": 993, "esp32c3": 993}  # by 1000 saves: tools/flash_wear.py has counted them
LEAST_MS = 600_000  # before this a rate says little
_DAY_MS = 86_400_000


class Lasting:
    """`journal` from now (`now_ms`) on. `free_blocks`: of the flash (os.statvfs(folder)[3]); those that a full journal
    leaves are erased in turn. `erases`: what 1000 saves cost it; None: it is not known to wear out."""

    def __init__(self, journal, now_ms: int, free_blocks: int, erases: int):
        self._journal = journal
        self._since_ms = now_ms
        self._saves, self._next = journal.saves, journal.next
        self._free_blocks = max(free_blocks - journal.blocks_to_come, 1)
        self._erases = erases

    def figures(self, now_ms: int) -> tuple:
        """(years until the free blocks have had their cycles, None: not known (yet); days that a full journal goes
        back, 0: not known yet)."""
        passed_ms = now_ms - self._since_ms
        if passed_ms < LEAST_MS:
            return None, 0
        journal = self._journal
        saves, records = journal.saves - self._saves, journal.next - self._next
        years = flash_years(saves, passed_ms, self._free_blocks, self._erases) if self._erases else None
        return years, journal_days(journal.reach, records, passed_ms)


def flash_years(saves: int, passed_ms: int, free_blocks: int, erases_a_1000_saves: int):
    """None: nothing was saved yet."""
    if not saves:
        return None
    thousandths_a_day = saves * erases_a_1000_saves * _DAY_MS // passed_ms
    return free_blocks * ERASE_CYCLES * 1000 // (max(thousandths_a_day, 1) * 365)


def journal_days(reach: int, records: int, passed_ms: int) -> int:
    """Days that `reach` records (Journal.reach) go back when `records` were made in `passed_ms`; 0: not known yet."""
    return reach * passed_ms // (records * _DAY_MS) if records > 0 else 0

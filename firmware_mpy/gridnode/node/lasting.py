"""How long the flash lasts and how far back the journal reaches, at the rate of this boot. Whole numbers."""

ERASE_CYCLES = 100_000  # of a sector: the maker's least (W25Q16JV, GD25Q32E)
_DAY_MS = 86_400_000


def flash_years(saves: int, passed_ms: int, free_blocks: int, erases_a_1000_saves: int):
    """Years until the free blocks, which are erased in turn, have had their cycles; None: nothing was saved yet.

    free_blocks: os.statvfs(folder)[3]. erases_a_1000_saves: tools/flash_life.py has it for each kind of flash.
    """
    if not saves or passed_ms <= 0:
        return None
    thousandths_a_day = saves * erases_a_1000_saves * _DAY_MS // passed_ms
    return free_blocks * ERASE_CYCLES * 1000 // (max(thousandths_a_day, 1) * 365)


def journal_days(reach: int, records: int, passed_ms: int) -> int:
    """Days that `reach` records (Journal.reach) go back when `records` were made in `passed_ms`; 0: not known yet."""
    return reach * passed_ms // (records * _DAY_MS) if records > 0 else 0

"""Energy registers: whole milliwatt-hours that never go down, with the remainder carried exactly."""

_MW_US_PER_MWH = 3_600_000_000  # 1 mWh = 1 mW for an hour of 3.6e9 microseconds


class EnergyRegister:
    """`import_mwh` and `export_mwh` of one channel. Start values continue registers that were kept."""

    def __init__(self, import_mwh: int = 0, export_mwh: int = 0):
        self.import_mwh = import_mwh
        self.export_mwh = export_mwh
        self._import_rest = 0  # mW us, below 1 mWh
        self._export_rest = 0

    def add(self, active_power_mw: int, duration_us: int):
        """Count `active_power_mw` (+ is import) over `duration_us`. Raises ValueError on a negative duration."""
        if duration_us < 0:
            raise ValueError("duration must not be negative")
        if active_power_mw >= 0:
            rest = self._import_rest + active_power_mw * duration_us
            self.import_mwh += rest // _MW_US_PER_MWH
            self._import_rest = rest % _MW_US_PER_MWH
        else:
            rest = self._export_rest - active_power_mw * duration_us
            self.export_mwh += rest // _MW_US_PER_MWH
            self._export_rest = rest % _MW_US_PER_MWH

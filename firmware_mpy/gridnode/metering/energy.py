"""Energy registers: whole milliwatt-hours that never go down, with the remainder carried exactly."""

_MW_US_PER_MWH = 3_600_000_000  # 1 mWh = 1 mW for an hour of 3.6e9 microseconds


class EnergyRegister:
    """`import_mwh` and `export_mwh` of one channel; `import_rest` and `export_rest` (mW us) are what is below 1 mWh.

    Start values continue registers that were kept.
    """

    def __init__(self, import_mwh: int = 0, export_mwh: int = 0):
        self.go_on(import_mwh, export_mwh, 0, 0)

    def go_on(self, import_mwh: int, export_mwh: int, import_rest: int, export_rest: int):
        """From where `kept` has said."""
        self.import_mwh = import_mwh
        self.export_mwh = export_mwh
        self.import_rest = import_rest
        self.export_rest = export_rest

    def add(self, active_power_mw: int, duration_us: int):
        """Count `active_power_mw` (+ is import) over `duration_us`. Raises ValueError on a negative duration."""
        if duration_us < 0:
            raise ValueError("duration must not be negative")
        if active_power_mw >= 0:
            rest = self.import_rest + active_power_mw * duration_us
            self.import_mwh += rest // _MW_US_PER_MWH
            self.import_rest = rest % _MW_US_PER_MWH
        else:
            rest = self.export_rest - active_power_mw * duration_us
            self.export_mwh += rest // _MW_US_PER_MWH
            self.export_rest = rest % _MW_US_PER_MWH

    def kept(self) -> tuple:
        """What a power cut must not take: see `go_on`."""
        return self.import_mwh, self.export_mwh, self.import_rest, self.export_rest

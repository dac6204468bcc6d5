"""A home's hourly load and PV power in a file, as tools/homes.py writes it.

Layout, little-endian: 8 bytes MAGIC, uint32 hours, uint32 largest power in the file in mW,
16 bytes name (UTF-8, filled with zeros), then for each hour int32 load mW, int32 PV mW.
"""

from array import array

MAGIC = b"gnhome1\n"
HEADER_BYTES = 32
HOUR_US = 3_600_000_000


class HomeProfile:
    """An open profile. `look` reads 16 bytes when the hour changes; the file is never loaded whole.

    name, hours, peak_mw: from the header. load_mw, pv_mw: at the time last looked at (PV counts from 0 upwards).
    Raises ValueError when the file is not a whole profile, OSError when it cannot be read.
    """

    def __init__(self, path: str):
        self._file = open(path, "rb")  # noqa: SIM115 (kept open: one hour is read at a time)
        self._pair = array("i", [0, 0])
        self._hour = -1
        self._load = [0, 0]  # at the beginning and at the end of the hour
        self._pv = [0, 0]
        self.load_mw = self.pv_mw = 0
        try:
            self._read_header(path)
        except ValueError:
            self._file.close()
            raise

    def _read_header(self, path: str):
        header = self._file.read(HEADER_BYTES)
        if len(header) != HEADER_BYTES or header[:8] != MAGIC:
            raise ValueError("%s: not a home profile; make one with tools/homes.py" % path)
        self.hours = int.from_bytes(header[8:12], "little")
        self.peak_mw = int.from_bytes(header[12:16], "little")
        self.name = header[16:].rstrip(b"\0").decode()
        size = self._file.seek(0, 2)
        if self.hours < 1 or size != HEADER_BYTES + 8 * self.hours:
            wrong = (path, size, self.hours)
            raise ValueError("%s: holds %d bytes, not %d hours; make it again with tools/homes.py" % wrong)

    def look(self, profile_us: int):
        """Set load_mw and pv_mw to those at `profile_us` since the profile's first hour, linear between hours.

        Behind the last hour comes the first again.
        """
        hour = profile_us // HOUR_US
        if hour != self._hour:
            self._hour = hour
            self._read_hour(hour, 0)
            self._read_hour(hour + 1, 1)
        rest_us = profile_us % HOUR_US
        load, pv = self._load, self._pv
        self.load_mw = load[0] + (load[1] - load[0]) * rest_us // HOUR_US
        self.pv_mw = pv[0] + (pv[1] - pv[0]) * rest_us // HOUR_US

    def _read_hour(self, hour: int, end: int):
        self._file.seek(HEADER_BYTES + 8 * (hour % self.hours))
        self._file.readinto(self._pair)
        self._load[end], self._pv[end] = self._pair

    def close(self):
        """Close the file."""
        self._file.close()

"""A radio (simulated) behind tools.air.door: the drivers' Radio for a process of this machine.

Runs under CPython and MicroPython's unix port; imports nothing of the project.
"""

import binascii
import json
import socket


class AirRadio:
    """Joins the channel at `host`:`port` as `name`, standing at `position` (x, y in m, height in m, gain in dBi).

    Raises OSError when nobody is there; a door that goes away later is a `fault`, and is tried again each 10 s.
    """

    RETRY_MS = 10_000

    def __init__(self, host, port, name, position=(0, 0, 3, 2), turn_ms=65):
        self._address = (host, port)
        self._hello = {"join": name, "x": position[0], "y": position[1], "height": position[2], "gain": position[3]}
        self._turn_ms = turn_ms
        self._scan = ()
        self._tried_ms = 0
        self._came = b""
        self._heard = []
        self._receiving = self._sending = False
        self._line = None
        self.sent_ms = self.bad_crc = self.resets = 0
        self.fault = ""
        self._open()

    @property
    def counts(self):
        return {"bad_crc": self.bad_crc, "resets": self.resets}

    @property
    def busy(self):
        return self._sending or self._receiving or bool(self.fault)

    def _open(self):
        self._receiving = self._sending = False
        self._came = b""
        line = socket.socket()
        try:
            line.connect(socket.getaddrinfo(self._address[0], self._address[1])[0][-1])
        except OSError:
            line.close()
            raise
        line.setblocking(False)
        self._line = line
        self.fault = ""
        self._tell(self._hello)
        self._listen()

    def _tell(self, said):
        try:
            self._line.send(json.dumps(said).encode() + b"\n")
        except OSError:
            self._failed()

    def _failed(self):
        self.fault = "radio (simulated) does not answer"
        self._line.close()

    def listen(self, scan):
        self._scan = tuple(scan)
        self._listen()

    def _listen(self):
        if self._scan and not self.fault:
            if len(self._scan) == 1:
                self._tell({"receive": self._scan[0]})
            else:
                self._tell({"scan": self._scan, "turn_ms": self._turn_ms})

    def send(self, data, length, frequency_khz, bandwidth_khz, spreading_factor, power_dbm, preamble):
        if self.fault:
            return
        self._sending = True
        self._receiving = False
        text = binascii.hexlify(bytes(data[:length])).decode()
        how = {"khz": frequency_khz, "bw": bandwidth_khz, "sf": spreading_factor, "dbm": power_dbm}
        how.update({"send": text, "preamble": preamble})
        self._tell(how)

    def poll(self, now_ms):
        if self.fault:
            self._try_again(now_ms)
        else:
            self._read(now_ms)
        return self._heard.pop(0) if self._heard else None

    def _try_again(self, now_ms):
        if now_ms - self._tried_ms >= self.RETRY_MS:
            self._tried_ms = now_ms
            self.resets += 1
            try:
                self._open()
            except OSError:
                self.fault = "radio (simulated) does not answer"

    def _read(self, now_ms):
        try:
            data = self._line.recv(4096)
        except OSError as error:
            if error.args[0] != 11:  # EAGAIN: nothing has come
                self._failed()
            return
        if not data:
            self._failed()
            return
        self._came += data
        lines = self._came.split(b"\n")
        self._came = lines[-1]
        for line in lines[:-1]:
            self._told(json.loads(line), now_ms)

    def _told(self, said, now_ms):
        if "heard" in said:
            self._receiving = False
            if said["good"]:
                data = binascii.unhexlify(said["heard"])
                self._heard.append((data, said["rssi"], said["snr_qdb"], said["sf"], said["khz"], now_ms))
            else:
                self.bad_crc += 1
        elif "locked" in said:
            self._receiving = True
        elif "sent" in said:
            self._sending = False
            self.sent_ms = now_ms

    def close(self):
        self._line.close()

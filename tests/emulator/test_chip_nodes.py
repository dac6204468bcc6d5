"""The product's node on an emulated Pico with each meter chip in its board's METER, heard by a host over its line.

Here it is one fault for each chip; every fault through a node, and its end, is test_meters_on_a_pi.py's.
"""

import pytest

from gridnode.wire import schema
from hil.bench import KEYS, UNIT
from hil.host import Host
from host_bridge.keys import node_file
from tests.emulator.test_meters_on_a_pi import CHIPS, GAINS, NO_ANSWER, THREE, UNBELIEVABLE
from tests.tools.meter_boards import metering
from tools import boards, build
from tools.emulated_rp2040 import EmulatedRP2040
from tools.images import image

pytestmark = pytest.mark.slow
ON_SPI = {"select": 17, "frequency_mhz": 49_000}  # its means take longer than the driver's window
# Driver -> where its chip is on a Pico, a fault, what ends it, its flag.
ON_A_PICO = {
    "pzem004t": ({"uart": 1}, {"answers_as": 7}, {"answers_as": None}, NO_ANSWER),
    "atm90e32": ({**ON_SPI, "gains": GAINS, "phases": THREE}, {"line": "ones"}, {"line": None}, NO_ANSWER),
    "ina226": ({"bus": 0}, {"stuck_clocks": -1}, {"stuck_clocks": 0}, NO_ANSWER),
    "ina228": ({"bus": 0}, {"stuck_clocks": -1}, {"stuck_clocks": 0}, NO_ANSWER),
    "s0_pulse": ({"pin": 2}, {"stuck": True}, {"stuck": False}, NO_ANSWER),
    "dsmr_p1": ({"uart": 1}, {"import_wh": 5}, {}, UNBELIEVABLE),
    "sml": ({"uart": 1}, {"import_wh": 5}, {}, UNBELIEVABLE),
}


class Pico:
    """A hil.bench.Bench as far as a Host goes."""

    def __init__(self, board, device):
        place = board.manifest["FILESYSTEM"]["offset"]
        self.keys = KEYS
        disk = build.filesystem(board, {"name": UNIT}, replace={"keys.json": node_file(KEYS)})
        found = image(board.manifest["IMAGE"]).path
        self.chip = EmulatedRP2040(found, filesystem=disk, filesystem_at=place, devices=[device])

    @property
    def now_ns(self):
        return self.chip.now_ns

    def run(self, duration_ns):
        self.chip.run(duration_ns)

    def read(self):
        return self.chip.read("uart0")

    def write(self, data):
        at_ns = self.now_ns
        self.chip.write("uart0", data)
        return at_ns

    def console(self):
        return b"".join(data for _, data in self.chip.read("usb")).decode(errors="replace")


@pytest.mark.parametrize("driver", ON_A_PICO)
def test_a_pico_meters_by_each_chip_and_tells_its_fault_once(tmp_path, driver):
    literal, truth_mw, within_mw = CHIPS[driver]
    where, fault, cure, flag = ON_A_PICO[driver]
    board = metering(tmp_path, "rpi_pico", driver)
    assert boards.check(board) == []
    bench = Pico(board, {**literal, **where})
    with bench.chip:
        host = Host(bench)
        host.hello()
        host.run(4000)
        good = figures(host)
        for index, true_mw in enumerate(truth_mw):
            assert abs(good[index][-1]["active_power_mw"] - true_mw) <= within_mw, bench.console()
            assert good[index][-1]["quality"] == 0
        assert events(host) == []

        bench.chip.tell(0, **fault)
        host.run(4000)
        channels = range(len(truth_mw))
        assert events(host) == [(index, flag) for index in channels]
        bad = figures(host)
        told = [live["active_power_mw"] for index in channels for live in bad[index] if live["quality"] & flag]
        assert set(told) == {None}
        bench.chip.tell(0, **cure)
        host.run(4000)
        assert events(host) == [(index, flag) for index in channels]
        back = figures(host)
        for index, true_mw in enumerate(truth_mw):
            assert abs(back[index][-1]["active_power_mw"] - true_mw) <= within_mw and back[index][-1]["quality"] == 0


def figures(host):
    """LIVE's fields of each channel since this was last asked."""
    found = {}
    for heard in host.heard:
        if heard.name == "live":
            found.setdefault(heard.fields["channel"], []).append(heard.fields)
    host.heard.clear()
    return found


def events(host):
    """(channel, flags) of each quality event ever told, in their order in the journal."""
    records = [host.records[key].fields for key in sorted(host.records)]
    quality = schema.EVENTS.index("quality")
    return [(each["index"], each["value"]) for each in records if each.get("event") == quality]

"""What the node reports against what truly flows."""

import pytest

from hil.bench import Load
from hil.checks import metering

pytestmark = pytest.mark.needs("line")
LOADS = {
    "300 W": Load(300_000),
    "2 kW, low voltage": Load(2_000_000, voltage_mv=212_000),
    "7 kW, 50.2 Hz": Load(7_000_000, frequency_mhz=50_200),
}


@pytest.mark.needs("injection")
@pytest.mark.parametrize("load", LOADS.values(), ids=LOADS)
def test_metering(make, notes, load):
    metering.metering(make, notes, load)


@pytest.mark.needs("injection", "replacing", "converter")
def test_registers_count_in_full(make, notes):
    metering.registers_exact(make, notes)

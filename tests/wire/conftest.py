"""Lets these tests import their neighbours by bare name, as tests/run_micropython.py does."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

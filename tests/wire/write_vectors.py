"""Write vectors/messages.json and hails.json anew: PYTHONPATH=firmware_mpy python tests/wire/write_vectors.py

To be run when the wire was changed on purpose, and never to make a test pass.
"""

import json
from pathlib import Path

from messages import everything
from vector_files import FOLDER, agreement, as_json, hexed, layers

COUNTERS = (0, 1, 7, 8, 255, 256, 65535, 65536, 16777215, 16777216, 4294967295)


def main() -> None:
    """Every message of messages.py, with the counters of every header form in turn."""
    rows = []
    for index, (name, message) in enumerate(everything()):
        counter = COUNTERS[index % len(COUNTERS)]
        row = {"name": name, "message": as_json(message), "counter": counter}
        row.update(zip(("body", "packet", "frame"), map(hexed, layers(message, counter)), strict=True))
        rows.append(json.dumps(row, ensure_ascii=False))
    path = Path(FOLDER) / "messages.json"
    path.write_text("[\n" + ",\n".join(rows) + "\n]\n", encoding="utf-8")
    (Path(FOLDER) / "hails.json").write_text(json.dumps(agreement(), indent=1) + "\n", encoding="utf-8")
    print(f"{len(rows)} messages written to {path.name}")


if __name__ == "__main__":
    main()

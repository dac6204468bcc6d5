"""Checks one specification in a process of its own, which may be ended at any time: `python -m` this.

Standard input: {"spec", "profile", "parameters", "budget_s"} as JSON. Standard output: a JSON object a line for each
part, see `making.check`, with its name as "part".
"""

import json
import os
import resource
import sys
from typing import Any

from host_bridge.microworld import making

MOST_MEMORY = 3 << 30
NICE = 10  # whoever runs worlds and speaks to nodes comes first


def main() -> int:
    """Exit code 0: all was told."""
    os.nice(NICE)
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    asked = json.load(sys.stdin)

    def tell(part: str, body: dict[str, Any]) -> None:
        print(json.dumps({"part": part, **body}), flush=True)

    making.check(asked["spec"], asked["profile"], asked["parameters"], tell, asked["budget_s"])
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""An emulated RP2040 board for a shell, its ports on pseudo-terminals, until Ctrl-C.

python -m tools.emulate --image X [--filesystem F] [--uart0 LINK] [--usb LINK]
"""

import argparse
import json
import signal
import sys
from pathlib import Path

from tools import images, setup_env
from tools.emulated_rp2040 import PORTS, EmulatedRP2040, EmulatorError


def main(argv: list[str] | None = None) -> int:
    """Run a board until Ctrl-C, its ports on pseudo-terminals."""
    options = _parser().parse_args(argv)
    links: list[Path] = []
    try:
        with _board(options) as board:
            for port, path in board.ports.items():
                link: Path | None = getattr(options, port)
                if link is not None:
                    link.symlink_to(path)
                    links.append(link)
                print(f"{port}: {link or path}", flush=True)
            print("The emulated RP2040 runs; Ctrl-C ends it.", flush=True)
            board.wait()
            return 1
    except KeyboardInterrupt:
        return 0
    except (EmulatorError, images.ImageError, setup_env.SetupError, OSError, ValueError) as error:
        print(f"emulate: {error}", file=sys.stderr)
        return 1
    finally:
        for link in links:
            link.unlink(missing_ok=True)


def _board(options: argparse.Namespace) -> EmulatedRP2040:
    filesystem = options.filesystem.read_bytes() if options.filesystem else None
    ptys = ("uart0", "usb") if options.uart1 is None else PORTS
    return EmulatedRP2040(
        options.image,
        filesystem=filesystem,
        filesystem_at=options.filesystem_at,
        flash=options.flash,
        ptys=ptys,
        speed=options.speed,
        devices=json.loads(options.devices.read_text(encoding="utf-8")) if options.devices else (),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tools.emulate", description="Run an emulated RP2040 board until Ctrl-C."
    )
    parser.add_argument("--image", type=Path, required=True, help="MicroPython for the RP2040: .uf2 or .bin")
    parser.add_argument("--filesystem", type=Path, help="littlefs image to put into its flash")
    parser.add_argument(
        "--filesystem-at", type=lambda text: int(text, 0), default=0xA0000, help="where (default: 0xa0000)"
    )
    parser.add_argument("--flash", type=Path, help="keep the flash in this file; if it exists, go on with it")
    for port in PORTS:
        parser.add_argument(f"--{port}", type=Path, metavar="LINK", help=f"symbolic link to make to {port}'s port")
    parser.add_argument("--speed", type=float, default=1.0, help="times real time; 0: flat out (default: 1)")
    parser.add_argument("--devices", type=Path, help="JSON file: list of device literals, see tools/emulator/README.md")
    return parser


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())

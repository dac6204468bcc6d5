"""Takes the README's pictures: three homes, some minutes of life, the pages at desktop width.

.venv/bin/python -m tools.picture [--minutes 6]
"""

import argparse
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from playwright.sync_api import ViewportSize, sync_playwright

from tools import setup_env
from tools.demo_worlds import DemoWorlds
from tools.household import Household

WEB = setup_env.ROOT / "host_bridge" / "web"
OUT, WORLDS_OUT = WEB / "page.png", WEB / "worlds.png"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
SIZE = ViewportSize(width=1440, height=1400)
SHADOW_TICKS = 60


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=6, help="of life before the picture (default: %(default)s)")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        household = Household(folder, stack, count=3, interval_s=5)
        worlds = DemoWorlds(household.config_file, folder, household.client)
        worlds.install("home-03")
        time.sleep(options.minutes * 50)
        household.client.command("home-02", "water heater", "closed", 300, "sun is out")
        time.sleep(options.minutes * 10)
        browser = stack.enter_context(sync_playwright()).chromium.launch(
            executable_path=setup_env.ensure_chromium(), args=ARGUMENTS
        )
        page = browser.new_page(viewport=SIZE, color_scheme="light")
        page.goto(household.url)
        page.get_by_text("home-01").first.wait_for()
        page.wait_for_timeout(4000)
        page.screenshot(path=OUT)
        worlds.swap("spare", SHADOW_TICKS)
        page.get_by_role("link", name="Worlds").click()
        page.get_by_text("Proved: ").wait_for()
        page.wait_for_timeout(SHADOW_TICKS * 500)
        page.screenshot(path=WORLDS_OUT)
        browser.close()
    print(f"wrote {OUT}")


if __name__ == "__main__":
    main()

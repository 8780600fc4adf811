"""A real Chromium, driven by Debian's own driver, without a window."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

from tests.peers.dicom import program

WIDTHS = {"telephone": 390, "desk": 1280}


@contextmanager
def running_browser(folder: Path) -> Iterator[Chrome]:
    """Start Chromium with a profile of its own in `folder`; it reaches loopback only and keeps its console's log."""
    options = ChromeOptions()
    options.binary_location = program("chromium")
    for option in (
        "--headless=new",
        "--no-sandbox",  # which root may not use
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-sync",
        "--no-first-run",
        f"--user-data-dir={folder}",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    ):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = Chrome(options=options, service=Service(program("chromedriver")))
    try:
        yield browser
    finally:
        browser.quit()


def look(browser: Chrome, width: int, scheme: str) -> None:
    """Show pages at a width in CSS pixels, in the `light` or `dark` scheme."""
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    wanted = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", wanted)

"""Time until a browser shows the report of many results.

    python tests/bench/report_paint.py [--pairs 10000] [--repeat 5]

Makes that many results (one picture under many names), writes their report, and opens its first
page and its last one in Chromium. Prints the time that writing took, the size of a page, and the
median time from opening to the first contents shown and to the end of loading, in milliseconds.
"""

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from vtonctl.show.report import DataPlace, write_tryon_report

SHOWN = """
const paint = performance.getEntriesByName("first-contentful-paint")[0];
const loading = performance.getEntriesByType("navigation")[0];
return [paint ? paint.startTime : null, loading.loadEventEnd];
"""


def make(out: Path, pairs: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 48, 3)).astype(np.uint8)
    picture = Image.fromarray(noise).resize((768, 1024), Image.Resampling.BICUBIC)
    out.mkdir()
    picture.save(out / "first.jpg")
    with (out / "results.jsonl").open("w") as file:
        for number in range(pairs):
            person, garment = f"p{number // 100:05}", f"g{number % 100:03}"
            item = f"{person}__{garment}"
            os.link(out / "first.jpg", out / f"{item}.jpg")
            line = {"item": item, "person": person, "garment": garment, "status": "done"}
            line |= {"output": f"{item}.jpg", "score": 0.9, "flags": [], "system": "tryon-drawn"}
            file.write(json.dumps(line) + "\n")


def browser():
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1400,900"):
        options.add_argument(flag)
    return webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))


def opened(chromium, page: Path) -> tuple[float, float]:
    chromium.get("about:blank")
    chromium.get(page.as_uri())
    for _ in range(100):
        painted, loaded = chromium.execute_script(SHOWN)
        if painted is not None and loaded:
            return painted, loaded
        time.sleep(0.1)
    sys.exit(f"{page}: nothing was shown within 10 s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=10_000)
    parser.add_argument("--repeat", type=int, default=5)
    asked = parser.parse_args()
    if not shutil.which("chromium") or not shutil.which("chromedriver"):
        sys.exit("Chromium and its driver are needed.")
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        make(out, asked.pairs)
        started = time.perf_counter()
        path, _ = write_tryon_report(out, DataPlace(Path(folder)))
        print(f"written in {time.perf_counter() - started:.1f} s")
        pages = [path, *sorted(path.with_name("report-pages").glob("page-*"))]
        print(
            f"{len(pages)} pages, the largest {max(p.stat().st_size for p in pages) / 1e6:.1f} MB"
        )
        chromium = browser()
        try:
            for page in dict.fromkeys((pages[0], pages[-1])):
                times = [opened(chromium, page) for _ in range(asked.repeat)]
                painted, loaded = (statistics.median(column) for column in zip(*times, strict=True))
                print(f"{page.name}: first contents {painted:.0f} ms, loaded {loaded:.0f} ms")
        finally:
            chromium.quit()


if __name__ == "__main__":
    main()

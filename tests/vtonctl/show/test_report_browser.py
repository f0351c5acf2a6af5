"""The report in a real browser: it shows, filters, opens, compares."""

import shutil

import pytest

from vtonctl.runs.result import ItemOutcome
from vtonctl.show.report import write_dataset_report, write_tryon_report

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser():
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("no Chromium on this machine")
    webdriver = pytest.importorskip("selenium.webdriver")
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1400,900"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    started = webdriver.Chrome(options=options, service=Service(driver))
    yield started
    started.quit()


class Viewer:
    """A page in the browser, as a user handles it."""

    def __init__(self, browser, path):
        self.browser = browser
        browser.get("about:blank")
        browser.get_log("browser")
        browser.get(path.as_uri())

    def all(self, selector):
        return [e for e in self.browser.find_elements("css selector", selector) if e.is_displayed()]

    def click(self, selector):
        self.all(selector)[0].click()

    def items(self):
        cards = self.all(".card:not(.out)")
        return [card.get_attribute("data-item") for card in cards]

    def choose(self, name, value):
        from selenium.webdriver.support.ui import Select

        Select(self.browser.find_element("id", name)).select_by_value(value)

    def key(self, name):
        from selenium.webdriver.common.keys import Keys

        self.browser.switch_to.active_element.send_keys(getattr(Keys, name, name))

    def run(self, script):
        return self.browser.execute_script(script)

    def complaints(self):
        return [entry["message"] for entry in self.browser.get_log("browser")]


@pytest.fixture
def page(browser, results):
    out, place = results(["ann", "bea"], ["tee", "polo", "tank"])
    viewer = Viewer(browser, write_tryon_report(out, place)[0])
    yield viewer
    assert viewer.complaints() == []


def test_all_pairs_show_and_pictures_are_drawn(page):
    assert len(page.items()) == 6
    widths = page.run("return [...document.querySelectorAll('.view')].map(i => i.naturalWidth)")
    assert len(widths) == 5 and min(widths) > 0


@pytest.mark.parametrize(("state", "items"), [("flagged", ["ann__tee"]), ("failed", ["bea__tank"])])
def test_a_click_on_a_filter_leaves_those(page, state, items):
    page.click(f"[data-filter={state}]")
    assert page.items() == items
    assert page.all("#shown")[0].text == "1 of 6 shown"
    page.click("[data-filter='']")
    assert len(page.items()) == 6


def test_filters_by_reason_person_and_garment(page):
    page.choose("flag", "back_view")
    assert page.items() == ["ann__tee"]
    page.choose("flag", "")
    page.choose("person", "bea")
    assert page.items() == ["bea__polo", "bea__tank", "bea__tee"]
    page.choose("garment", "polo")
    assert page.items() == ["bea__polo"]
    page.choose("person", "")
    assert page.items() == ["ann__polo", "bea__polo"]


def test_filters_that_match_nothing_say_so(page):
    page.choose("flag", "back_view")
    page.choose("person", "bea")
    assert page.items() == []
    assert page.all("#empty")


def test_lowest_score_comes_first_in_the_list(page):
    page.choose("sort", "worst")
    placed = page.run(
        "return [...document.querySelectorAll('.card')].sort((a, b) => {"
        " const p = a.getBoundingClientRect(), q = b.getBoundingClientRect();"
        " return p.top - q.top || p.left - q.left; }).map(c => c.dataset.item)"
    )
    assert placed[:2] == ["bea__tank", "ann__tee"]


def test_a_click_opens_photo_and_result_side_by_side(page):
    page.click(".card[data-item=ann__polo]")
    assert page.all("#box")
    assert page.all("#box-title")[0].text == "ann in polo"
    sources = page.run("return ['before', 'after', 'garment-picture'].map(i => "
                       "decodeURI(document.getElementById(i).getAttribute('src')))")  # fmt: skip
    assert sources == ["../root/test/image/ann.jpg", "1.png", "../root/test/cloth/polo.jpg"]
    drawn = "return [...document.querySelectorAll('#box img')].every(i => i.naturalWidth > 90)"
    for _ in range(50):
        if page.run(drawn):
            break
    assert page.run(drawn), "full-size files are not shown"


def test_the_slider_follows_the_pointer(page):
    from selenium.webdriver import ActionChains

    page.click(".card[data-item=ann__polo]")
    pane = page.all(".compare")[0]
    place = "return parseFloat(document.querySelector('.compare').style.getPropertyValue('--x'))"
    assert page.run(place) == 50
    drag = ActionChains(page.browser).move_to_element(pane).click_and_hold()
    drag.move_by_offset(int(pane.size["width"] * 0.3), 0).release().perform()
    assert page.run(place) == pytest.approx(80, abs=2)
    page.key(" ")
    assert page.run(place) == 0


def test_arrow_keys_walk_and_escape_closes(page):
    page.click(".card[data-item=ann__polo]")
    page.key("ARROW_RIGHT")
    assert page.all("#box-title")[0].text == "ann in tank"
    page.key("ARROW_DOWN")
    assert page.all("#box-title")[0].text == "bea in tank"
    assert "no person was found" in page.all("#box")[0].text
    page.key("ARROW_LEFT")
    assert page.all("#box-title")[0].text == "bea in polo"
    page.key("ESCAPE")
    assert not page.all("#box")


def test_keys_work_after_a_click_on_the_picture(page):
    page.click(".card[data-item=ann__polo]")
    page.all(".compare")[0].click()
    height = "return document.getElementById('after').getBoundingClientRect().height"
    fitted = page.run(height)
    page.key("z")
    assert page.run(height) == 128 != fitted, "the picture is not shown in its own size"
    page.key("ARROW_RIGHT")
    assert page.all("#box-title")[0].text == "ann in tank"


def test_a_link_to_an_item_opens_it(browser, results):
    out, place = results(["ann", "bea"], ["tee", "polo"])
    path = write_tryon_report(out, place)[0]
    viewer = Viewer(browser, path)
    browser.get(path.as_uri() + "#i2")
    browser.refresh()
    assert viewer.all("#box-title")[0].text == "bea in tee"


def test_reasons_are_in_the_large_view(page):
    page.click(".card[data-item=ann__tee]")
    words = page.all("#box")[0].text
    assert "back view" in words and "the garment is strongly distorted" in words
    assert "42" in words


def test_without_the_full_size_files_thumbnails_stand_in(browser, results, tmp_path):
    out, place = results(["ann", "bea"], ["tee", "polo"])
    path = write_tryon_report(out, place)[0]
    moved = tmp_path / "moved" / "deeper"
    moved.mkdir(parents=True)
    viewer = Viewer(browser, path.rename(moved / "report.html"))
    viewer.click(".card[data-item=ann__polo]")
    script = (
        "return ['before', 'after'].map(i => document.getElementById(i).currentSrc.slice(0, 5))"
    )
    for _ in range(50):
        if viewer.run(script) == ["data:", "data:"]:
            break
    assert viewer.run(script) == ["data:", "data:"]


def test_hostile_names_do_nothing_but_show(browser, results, hostile_names):
    out, place = results(hostile_names, ["tee", "polo"], stored=False)
    viewer = Viewer(browser, write_tryon_report(out, place)[0])
    assert {item.removesuffix("__tee") for item in viewer.items() if item.endswith("__tee")} == {
        *hostile_names
    }
    viewer.click(".card")
    shown = viewer.run("return document.getElementById('box-title').textContent")
    assert shown in {f"{name} in polo" for name in hostile_names}
    assert not [m for m in viewer.complaints() if "ERR_FILE_NOT_FOUND" not in m]


def test_the_page_of_a_data_set(browser, results):
    _, place = results(["ann", "bea"], ["tee"])
    told = [ItemOutcome("bea", "pose", "done", flags=("side_view",), score=0.3)]
    viewer = Viewer(browser, write_dataset_report(place, told)[0])
    assert viewer.items() == ["bea", "ann", "tee"]
    viewer.click("[data-filter=flagged]")
    assert viewer.items() == ["bea"]
    viewer.click(".card")
    assert viewer.all("#before-name")[0].text == "photo"
    assert viewer.all("#after-name")[0].text == "agnostic"
    assert viewer.complaints() == []


def test_dark_and_light(page):
    ground = "return getComputedStyle(document.body).backgroundColor"
    before = page.run(ground)
    page.click("#theme")
    assert page.run(ground) != before

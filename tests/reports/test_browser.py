"""Every kind of page as a reader meets it: in a browser, on a phone and a desk, light and dark."""

import sys
from pathlib import Path
from urllib.parse import unquote

import pytest
from browsing import (
    chromium,
    dead_links,
    open_disclosures,
    opened,
    seen_by_readers,
    unnamed_marks,
    unreached,
)
from page_kinds import KINDS, write_pages

sys.path.insert(0, str(Path(__file__).parents[1] / "datasets"))
sys.path.insert(0, str(Path(__file__).parents[1] / "view"))
from viewed_store import add_live_run, known_discs, make_store, served


@pytest.fixture(scope="module")
def browser():
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def pages(browser, tmp_path_factory):
    return write_pages(tmp_path_factory.mktemp("pages"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_suits_every_screen_and_reader(browser, pages, kind):
    with opened(browser, pages[kind].as_uri()) as page:
        assert open_disclosures(page) == 0
        assert seen_by_readers(page) == {}
        assert unreached(page) == []
        assert dead_links(page) == []
        silent, told = unnamed_marks(page)
        assert silent == []
        assert (told > 0) == (kind not in ("untestable", "overview"))
        files = page.locator("a[href]:not([href^='#'])")
        beside = [unquote(link.get_attribute("href")) for link in files.all()]
        assert all((pages[kind].parent / Path(one)).is_file() for one in beside)
        assert page.outside == []
        assert page.complaints == []


@pytest.fixture(scope="module")
def viewed(browser, tmp_path_factory):
    """Addresses of the pages of `hyp view`, by kind."""
    with known_discs():
        store, steps = make_store(tmp_path_factory.mktemp("view") / "store")
        add_live_run(store)
        run = f"run/{steps['result'].key}"
        paths = {
            "store": "",
            "run": run,
            "row": f"{run}/row/1",
            "report": f"{run}/report",
            "network": f"artifact/{steps['distance, seed 0'].key}",
            "images": f"artifact/{steps['images'].key}?category=red&category=blue",
        }
        with served(store) as address:
            yield address, paths


@pytest.mark.parametrize("kind", ["store", "run", "row", "network", "images"])
def test_a_page_over_a_store_suits_every_screen_and_reader(browser, viewed, kind):
    address, paths = viewed
    with opened(browser, address + paths[kind], own=[address]) as page:
        assert open_disclosures(page) == 0
        assert seen_by_readers(page) == {}
        assert unreached(page) == []
        assert page.outside == []
        assert page.complaints == []


def test_a_number_of_a_report_leads_back_to_images_by_clicks_alone(browser, viewed):
    address, paths = viewed
    with opened(browser, address + paths["store"], own=[address]) as page:
        page.click("text=decoding >> nth=0")
        page.click("text=The report")
        page.click("table.comparisons th a >> nth=0")
        page.click("text=/^network [0-9a-f]{8}$/ >> nth=0")
        page.click("text=discs")
        assert page.locator(".found img").count() == 48
        page.select_option("select[name=category]", "red")
        page.click("text=Show these")
        assert 0 < page.locator(".found img").count() < 48
        assert page.outside == []

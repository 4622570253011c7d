"""What a reader in a browser meets, asked of Debian's chromium through playwright."""

import shutil
from contextlib import contextmanager

import pytest

PHONE, DESKTOP = 390, 1280
LOOKS = [(width, scheme) for width in (PHONE, DESKTOP) for scheme in ("light", "dark")]
REACHABLE = ":is(a[href], summary, button, input, select, [tabindex='0']):visible"

_OVERFLOWING = """() => {
  const wide = document.documentElement.clientWidth + 1, apart = '.skip, .hidden';
  const inside = (one) => one.parentElement.closest(`.scroll, pre, svg, ${apart}`);
  const found = [...document.body.querySelectorAll('*')].filter((one) => {
    const box = one.getBoundingClientRect();
    return one.checkVisibility() && !inside(one) && !one.matches(apart)
      && (box.right > wide || box.left < -1);
  });
  if (document.documentElement.scrollWidth > wide) found.push(document.documentElement);
  return found.map((one) => one.outerHTML.slice(0, 160));
}"""
_CUT_OFF = """() => [...document.querySelectorAll('svg.figure')].flatMap((svg) => {
  const box = svg.getBoundingClientRect(), spare = 1.5;
  return [...svg.querySelectorAll('text')].filter((text) => {
    const own = text.getBoundingClientRect();
    return own.width && (own.left < box.left - spare || own.right > box.right + spare
      || own.top < box.top - spare || own.bottom > box.bottom + spare);
  }).map((text) => `${text.textContent} in ${svg.getAttribute('aria-label').slice(0, 80)}`);
})"""
_FOCUSED = """(all) => {
  const one = document.activeElement, style = getComputedStyle(one);
  const outlined = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0;
  return outlined ? all.indexOf(one) : `no outline: ${one.outerHTML.slice(0, 80)}`;
}"""
_UNNAMED = """() => {
  const told = 'g:has(> title), use:has(> title)', silent = [];
  let count = 0;
  for (const figure of document.querySelectorAll('svg.figure')) {
    figure.scrollIntoView({block: 'center', behavior: 'instant'});
    for (const mark of figure.querySelectorAll('use:has(> title)')) {
      const box = mark.getBoundingClientRect();
      const found = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
      if (!found?.closest('svg.figure')?.contains(mark) || !found.closest(told))
        silent.push(mark.textContent);
      count += 1;
    }
  }
  return [silent, count];
}"""
_TARGET = """() => {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const top = target.getBoundingClientRect().top;
  return top > -2 && (top < innerHeight || scrollY + innerHeight + 2 > document.body.scrollHeight);
}"""


@contextmanager
def chromium():
    """Start Debian's chromium; what would use it is skipped where it or playwright is not."""
    playwright = pytest.importorskip("playwright.sync_api")
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("no chromium: pages are not opened in a browser")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def opened(browser, address, own=()):
    """Open a page; what it asks of anywhere else is refused and listed as ``outside``.

    `own` are beginnings of addresses that it may ask of.
    """
    context = browser.new_context(reduced_motion="reduce")
    page = context.new_page()
    page.outside, page.complaints = [], []
    page.on("console", lambda message: page.complaints.append(message.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))

    def ask(route):
        url = route.request.url
        if url.partition("#")[0] == address or url.startswith(("data:", *own)):
            route.continue_()
        else:
            page.outside.append(url)
            route.abort()

    context.route("**/*", ask)
    page.goto(address)
    yield page
    context.close()


def look(page, width, scheme):
    """Show a page on a screen so wide, in light or dark colours."""
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")


def overflowing(page):
    """Return what is wider than the screen, or cut off within its figure."""
    return [*page.evaluate(_OVERFLOWING), *page.evaluate(_CUT_OFF)]


def violations(page):
    """Return what axe's rules object to, with the first places."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [(one["id"], [node["html"][:160] for node in one["nodes"][:3]]) for one in found]


def seen_by_readers(page):
    """Return what is wrong with a page in every width and colour, by these."""
    wrong = {}
    for number, (width, scheme) in enumerate(LOOKS):
        look(page, width, scheme)
        wrong[width, scheme] = overflowing(page)
        if number in (1, 2):  # each width and each colour once
            wrong[width, scheme] += violations(page)
    return {one: found for one, found in wrong.items() if found}


def open_disclosures(page):
    """Open every disclosure with the keyboard; return how many stayed closed."""
    for summary in page.locator("summary:visible").all():
        summary.press("Enter")
    return page.locator("details:not([open])").count()


def unreached(page):
    """Go through a page with Tab; return what it does not come to in order, or does not show."""
    everything = page.locator(REACHABLE)
    count = everything.count()
    page.evaluate("() => { document.activeElement.blur(); history.replaceState(null, '', '#'); }")
    page.mouse.click(0, 0)
    handle = page.evaluate_handle("() => []")
    for element in everything.element_handles():
        handle.evaluate("(all, one) => { all.push(one); }", element)
    found = []
    for _ in range(count):
        page.keyboard.press("Tab")
        found.append(handle.evaluate(_FOCUSED))
    return [one for place, one in enumerate(found) if one != place]


def unnamed_marks(page):
    """Return marks with words at whose middle a pointer finds no words, and how many have some."""
    return page.evaluate(_UNNAMED)


def dead_links(page):
    """Follow every link within a page by keyboard; return those that lead nowhere in sight."""
    dead = []
    for link in page.locator("a[href^='#']:not(.skip)").all():
        link.press("Enter")
        if not page.evaluate(_TARGET):
            dead.append(link.get_attribute("href"))
    return dead

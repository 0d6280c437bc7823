"""What surrounds every page, in a browser: how much is sent, what can be read, and where the Tab key stops."""

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from core.db import Database, workspaces
from tests.browser.conftest import NARROW, Visit, fits, settled
from tests.served import add

#: Every visible text with less contrast than WCAG AA asks for: 4.5, and 3 for large letters. Composites colours with
#: all backgrounds and opacities below. What is disabled, or drawn by a canvas, does not count.
FAINT = """() => {
  const parse = (value) => {
    const n = value.match(/[\\d.]+/g).map(Number);
    return {r: n[0], g: n[1], b: n[2], a: n[3] ?? 1};
  };
  const mix = (top, below, name) => top[name] * top.a + below[name] * (1 - top.a);
  const over = (top, below) => ({r: mix(top, below, 'r'), g: mix(top, below, 'g'), b: mix(top, below, 'b'), a: 1});
  const linear = (v) => v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4;
  const light = ({r, g, b}) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgb = (value) => {
    if (value.startsWith('rgb')) return parse(value);
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = value; canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return {r, g, b, a: a / 255};
  };
  const own = (element) => [...element.childNodes].filter((node) => node.nodeType === 3).map((node) => node.data);
  const isShown = (element) => {
    const box = element.getBoundingClientRect();
    return box.width && box.height && element.checkVisibility({checkOpacity: true, checkVisibilityCSS: true});
  };
  const found = [];
  for (const element of document.querySelectorAll('body *')) {
    const text = own(element).join(' ').trim();
    if (!text || !isShown(element)) continue;
    if (element.closest('[disabled], [aria-disabled=true], script, style, noscript, canvas, svg')) continue;
    if (element.closest('[data-testid=stSliderThumbValue]')) continue;  // in the primary colour, beside its thumb
    const style = getComputedStyle(element);
    const chain = []; for (let each = element; each; each = each.parentElement) chain.unshift(each);
    let below = {r: 255, g: 255, b: 255, a: 1}, opacity = 1;
    for (const each of chain) {
      const its = getComputedStyle(each); opacity *= Number(its.opacity);
      const back = rgb(its.backgroundColor); below = over({...back, a: back.a * opacity}, below);
    }
    const front = rgb(style.color); const shown = over({...front, a: front.a * opacity}, below);
    const [a, b] = [light(shown), light(below)].sort((x, y) => y - x); const ratio = (a + 0.05) / (b + 0.05);
    const size = parseFloat(style.fontSize), large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (large ? 3 : 4.5)) found.push(`${ratio.toFixed(2)} ${text.slice(0, 40)}`);
  }
  return [...new Set(found)];
}"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_everything_can_be_read(visit: Visit, app_url: str, database: Database, theme: str) -> None:
    page = visit("/", theme=theme)
    faint = {"/": page.evaluate(FAINT), "/activity": faint_at(page, f"{app_url}/activity")}
    add(database, {}, {})
    workspaces.create(database, "demo")
    for path in ("/", "/data", "/import", "/activity", "/datasets", "/queue", "/activity?workspace=demo"):
        faint[f"{path} with data"] = faint_at(page, f"{app_url}{path}")
    assert {path: texts for path, texts in faint.items() if texts} == {}


def faint_at(page: Page, address: str) -> list[str]:
    page.goto(address)
    settled(page)
    return page.evaluate(FAINT)


def test_what_is_too_faint_is_found(visit: Visit) -> None:
    page = visit("/")
    page.evaluate("document.querySelector('h1').style.color = '#999'")
    page.evaluate("document.querySelector('h1').style.fontSize = '15px'")
    assert [text for text in page.evaluate(FAINT) if "Turn your agent" in text]


def test_scripts_come_compressed(visit: Visit, browser_context: BrowserContext) -> None:
    page = visit("/import")
    sizes: list[tuple[str, float, float]] = [
        tuple(each)
        for each in page.evaluate(
            "performance.getEntriesByType('resource').filter((each) => each.name.endsWith('.js'))"
            ".map((each) => [each.name, each.encodedBodySize, each.decodedBodySize])"
        )
    ]
    large = [(name, sent, whole) for name, sent, whole in sizes if whole > 20_000]
    assert large
    assert [name for name, sent, whole in large if sent > whole * 0.6] == []


def test_headings_are_no_stop_of_the_tab_key(visit: Visit, database: Database) -> None:
    add(database, {})
    page = visit("/data")
    assert page.get_by_test_id("stHeaderActionElements").locator("a:visible").count() == 0


def test_help_opens_by_its_key_and_has_the_guide_to_the_page(visit: Visit) -> None:
    page = visit("/import")
    expect(page.get_by_role("button", name="Help Shortcut H")).to_be_visible()
    page.keyboard.press("h")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("Help, from anywhere")).to_be_visible()
    dialog.get_by_text("Guide", exact=True).click()
    expect(dialog.get_by_role("heading").filter(has_text="What is recognised").first).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)


def test_the_badge_of_the_demo_takes_no_row_and_lies_over_nothing(visit: Visit, database: Database) -> None:
    add(database, {})
    workspaces.create(database, "demo")
    for viewport in (None, NARROW):
        page = visit("/activity?workspace=demo", *([viewport] if viewport else []))
        badge = page.locator(".st-key-workspace_badge").bounding_box()
        title = page.locator("h1").bounding_box()
        assert badge
        assert title
        apart = badge["y"] + badge["height"] <= title["y"] or badge["x"] >= title["x"] + 200
        assert apart, (badge, title)
        assert title["y"] < 80
        assert fits(page)

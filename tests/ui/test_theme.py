"""The theme's colours against each other: text at the strengths in which Streamlit writes it has a contrast of 4.5."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

THEME: dict[str, Any] = tomllib.loads((Path(__file__).parents[2] / ".streamlit" / "config.toml").read_text())["theme"]
ENOUGH = 4.5
#: Captions and the links of the sidebar are written with so much of the colour of text.
FADED = 0.6

RGB = tuple[float, float, float]


def rgb(name: str) -> RGB:
    value = name.removeprefix("#")
    return int(value[:2], 16), int(value[2:4], 16), int(value[4:], 16)


def mixed(above: RGB, below: RGB, share: float) -> RGB:
    red, green, blue = (share * high + (1 - share) * low for high, low in zip(above, below, strict=True))
    return red, green, blue


def luminance(colour: RGB) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    red, green, blue = (
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in (each / 255 for each in colour)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: RGB, other: RGB) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def backgrounds(theme: dict[str, Any]) -> dict[str, RGB]:
    return {
        "page": rgb(theme["backgroundColor"]),
        "second": rgb(theme["secondaryBackgroundColor"]),
        "sidebar": rgb(theme["sidebar"]["backgroundColor"]),
    }


def test_contrast_is_that_of_wcag() -> None:
    assert contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21)
    assert contrast(rgb("#777777"), rgb("#FFFFFF")) == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("name", ["light", "dark"])
def test_text_and_captions_can_be_read_on_every_background(name: str) -> None:
    theme = THEME[name]
    text = rgb(theme["textColor"])
    for place, below in backgrounds(theme).items():
        assert contrast(mixed(text, below, FADED), below) >= ENOUGH, place


@pytest.mark.parametrize("name", ["light", "dark"])
def test_links_what_is_chosen_and_the_letters_on_buttons_and_chips_can_be_read(name: str) -> None:
    theme = THEME[name]
    for colour in ("linkColor", "primaryColor"):
        for place, below in backgrounds(theme).items():
            assert contrast(rgb(theme[colour]), below) >= ENOUGH, (colour, place)
    # The change below a number stands on a chip of the same colour, at so much of its strength in the dark.
    below = rgb(theme["backgroundColor"])
    chip = mixed(rgb(theme["primaryColor"]), below, {"light": 0.1, "dark": 0.3}[name])
    assert contrast(rgb(theme["primaryColor"]), chip) >= ENOUGH
    on_primary = {"light": "#FFFFFF", "dark": "#0B1211"}  # as ui/assets/frame.css has it
    assert contrast(rgb(on_primary[name]), rgb(theme["primaryColor"])) >= ENOUGH


def test_the_style_sheet_has_the_colours_that_were_measured() -> None:
    style = (Path(__file__).parents[2] / "ui" / "assets" / "frame.css").read_text(encoding="utf-8")
    assert "light-dark(#fff, #0B1211)" in style


@pytest.mark.parametrize("name", ["light", "dark"])
def test_words_in_a_colour_can_be_read(name: str) -> None:
    theme = THEME[name]
    for colour in ("gray", "green", "orange", "red", "yellow", "blue", "violet"):
        shown = rgb(theme.get(f"{colour}TextColor", theme[f"{colour}Color"]))
        assert contrast(shown, rgb(theme["backgroundColor"])) >= ENOUGH, colour

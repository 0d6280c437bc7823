"""Words, charts and settings of fine-tuning, without a page around them."""

from decimal import Decimal
from typing import Any

import pytest

from core.tuning.providers import catalogue
from core.tuning.providers.protocol import PROVIDER_IDS, STATES, Setting
from ui.parts import charts
from ui.tuning import labels as tuning_words
from ui.tuning import settings as tuning_settings
from ui.tuning.jobs import charts as tuning_charts
from ui.tuning.jobs.charts import Line

FALLING = [(1, 2.0), (2, 1.0), (3, 0.5)]


def test_every_state_has_a_word_a_sign_and_a_badge_of_its_own() -> None:
    assert set(tuning_words.STATE) == set(STATES)
    words = [word for word, *_ in tuning_words.STATE.values()]
    assert len(set(words)) == len(words)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "not known"), ("0", "$0"), ("0.004", "under $0.01"), ("0.005", "under $0.01"), ("0.01", "$0.01"),
        ("4.1", "$4.10"), ("4.105", "$4.11"), ("1234.5", "$1,234.50"),
    ],
)  # fmt: skip
def test_what_nobody_knows_is_never_nothing(value: str | None, said: str) -> None:
    assert tuning_words.money(None if value is None else Decimal(value)) == said


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (None, None, "not known"), ("4", "4", "$4.00"), ("4", "8.2", "$4.00 to $8.20"), ("0", "0", "$0"),
        (None, "8", "up to $8.00"), ("8", None, "$8.00 or more"),
    ],
)  # fmt: skip
def test_a_range_is_one_amount_where_both_ends_are_the_same(low: str | None, high: str | None, said: str) -> None:
    amounts = [None if each is None else Decimal(each) for each in (low, high)]
    assert tuning_words.money_range(*amounts) == said


@pytest.mark.parametrize(
    ("seconds", "said"), [(4, "4.0 s"), (95, "1 min 35 s"), (2_960, "49 min"), (6_600, "110 min"), (8_000, "2 h")]
)
def test_long_times_are_not_said_to_the_second(seconds: float, said: str) -> None:
    assert tuning_words.roughly(seconds) == said


def test_every_provider_has_a_short_title() -> None:
    assert [tuning_words.short(each) for each in PROVIDER_IDS] == ["Local", "GPT", "Gemini", "Claude profile",
                                                                   "Amazon Bedrock"]  # fmt: skip
    assert not catalogue.facts("claude").is_training


class TestTheCharts:
    def test_loss_comes_first_and_validation_belongs_to_its_training(self) -> None:
        lines = [Line("a", {"tokens_per_s": FALLING, "loss": FALLING}), Line("b", {"val_accuracy": FALLING, "odd": []})]
        assert tuning_charts.names(lines) == ["loss", "accuracy", "tokens_per_s"]
        assert tuning_charts.names([Line("a", {"their_own": FALLING})]) == ["their_own"]
        assert tuning_words.series("val_their_own") == ("Their own", "their own")

    def test_one_job_has_train_and_validation(self) -> None:
        figure = tuning_charts.one(Line("a", {"loss": FALLING, "val_loss": FALLING[:1]}), "loss")
        assert [(trace.name, trace.line.dash) for trace in figure.data] == [("train", "solid"), ("validation", "dash")]
        assert figure.layout.xaxis.title.text == "training step"
        assert figure.layout.yaxis.title.text == "loss (no unit; lower is better)"
        assert figure.layout.title.text == "Loss"

    def test_each_job_has_a_colour_and_the_legend_has_the_same(self) -> None:
        lines = [Line(f"#{number}", {"loss": FALLING, "val_loss": FALLING}) for number in range(3)]
        figure = tuning_charts.several(lines, "loss")
        assert [trace.line.color for trace in figure.data] == [
            colour for colour in tuning_charts.COLOURS[:3] for _ in range(2)
        ]
        assert [trace.name for trace in figure.data][:3] == ["#0, train", "#0, validation", "#1, train"]
        assert figure.layout.showlegend

    def test_colours_can_be_told_apart_on_light_and_dark(self) -> None:
        assert len(set(tuning_charts.COLOURS)) == len(tuning_charts.COLOURS)
        assert min(contrast(each, ground) for each in tuning_charts.COLOURS for ground in ("#FFFFFF", "#121716")) >= 3

    def test_a_name_is_never_html(self) -> None:
        figure = tuning_charts.several([Line("<b>big</b>", {"loss": FALLING})], "loss")
        assert figure.data[0].name == "&lt;b&gt;big&lt;/b&gt;, train"
        assert "<b>" not in figure.data[0].hovertemplate.replace("<br>", "").replace("<extra>", "")
        assert charts.label("<b>") == "&lt;b&gt;"


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def setting(kind: Any, default: Any, **more: Any) -> Setting:
    return Setting("x", "X", "It does something.", default, kind, **more)


class TestTheSettings:
    @pytest.mark.parametrize(
        ("made", "said"),
        [
            (setting("integer", 3), "It does something. Default: 3."),
            (setting("integer", 1), "It does something. Default: 1."),
            (setting("number", 0.0002), "It does something. Default: 0.0002."),
            (setting("integer", 131_072), "It does something. Default: 131,072."),
            (setting("boolean", True), "It does something. Default: on."),
            (setting("boolean", False), "It does something. Default: off."),
            (setting("integer", None), "It does something. Default: automatic."),
            (setting("integer", "auto"), "It does something. Default: auto."),
            (setting("text", ""), "It does something. Default: empty."),
        ],
    )
    def test_each_says_what_it_does_and_what_is_recommended(self, made: Setting, said: str) -> None:
        assert tuning_settings.explained(made) == said

    @pytest.mark.parametrize(
        ("default", "step"), [(0.0002, 0.0001), (0.05, 0.01), (2.0, 0.1), (16, 1.0), (0.0, 0.1), (None, 0.1)]
    )
    def test_a_number_moves_by_steps_of_its_size(self, default: float | None, step: float) -> None:
        assert tuning_settings.step(setting("number", default)) == pytest.approx(step)

    @pytest.mark.parametrize(
        ("made", "value", "fits"),
        [
            (setting("integer", 3, least=1, most=20), 20, True),
            (setting("integer", 3, least=1, most=20), 21, False),
            (setting("integer", 3, least=1, most=20), True, False),
            (setting("number", 0.5, least=0, most=1), 0, True),
            (setting("number", 0.5, least=0, most=1), -1, False),
            (setting("choice", "a", choices=("a", "b")), "c", False),
            (setting("boolean", True), "yes", False),
            (setting("text", ""), "anything", True),
        ],
    )
    def test_a_value_of_another_job_is_taken_over_only_where_it_fits(
        self, made: Setting, value: Any, fits: bool
    ) -> None:
        assert tuning_settings.fits(made, value) is fits

    def test_another_default_is_another_widget(self) -> None:
        one, other = (tuning_settings.key("local", setting("integer", default)) for default in (3, 4))
        assert one != other

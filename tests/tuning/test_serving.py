"""Making a model answer, and ending that: recorded first, paid only when confirmed, carried on after a crash."""

import sys
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core import audit, deployments, models
from core.commands import claims
from core.commands import store as commands
from core.commands.filters import CommandFilter
from core.commands.handlers import CommandContext, Outcome
from core.db import Database
from core.errors import CommandRefused, Conflict, ModelRefused
from core.settings import get_settings
from core.tuning import serving
from core.tuning.commands import registry
from core.tuning.providers.protocol import Capabilities, ModelView, NotSubmitted, ProviderTrouble, ServingStatus
from tests.orchestrator.driving import drive
from tests.tuning.made import a_model


class Host:
    """A provider that hosts models for money, and says what a test tells it to say."""

    id = "bedrock"
    capabilities = Capabilities(True, ("sft",), "exact", True, False, False, True, hosting_costs=True)

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []
        self.answers: list[ServingStatus | Exception] = []
        self.meanwhile = lambda: None

    def hourly_words(self, base_model: str) -> str:
        return f"One unit of {base_model} is $39.60 an hour."

    def serve(self, model: ModelView, *, confirmed_hourly: bool = False) -> ServingStatus:
        assert confirmed_hourly
        return self._answer("serve", model)

    def serving(self, model: ModelView) -> ServingStatus:
        return self._answer("serving", model)

    def unserve(self, model: ModelView) -> ServingStatus:
        return self._answer("unserve", model)

    def _answer(self, act: str, model: ModelView) -> ServingStatus:
        assert model.folder.is_dir()
        self.asked.append((act, dict(model.serving_remote)))
        self.meanwhile()
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Host]:
    made = Host()
    monkeypatch.setitem(sys.modules, "core.tuning.providers.bedrock.adapter", SimpleNamespace(PROVIDER=made))  # type: ignore[arg-type]
    monkeypatch.setenv("WHETSTONE_HOME", str(tmp_path))
    get_settings.cache_clear()
    yield made
    get_settings.cache_clear()


def hosted(db: Database, **made: Any) -> models.Model:
    return a_model(db, "plans", provider="bedrock", **{"call_name": "", "serving": "none", **made})


def look_now(db: Database) -> None:
    """Looks that are for later are done now."""
    with db.begin() as connection:
        connection.exec_driver_sql("UPDATE commands SET not_before = now()")
    drive(db, agents=["tuning"])


def test_what_costs_by_the_hour_is_served_only_when_that_is_confirmed(database: Database, host: Host) -> None:
    model = hosted(database)
    with pytest.raises(ModelRefused) as refused:
        serving.serve(database, model.id, actor="ada")
    assert "at a price by the hour that is not known here" in str(refused.value)
    assert "One unit of qwen3:4b is $39.60 an hour." in str(refused.value)
    assert (host.asked, models.get(database, model.id).serving, audit.entries(database)[0].action) == (
        [],
        "none",
        "register",
    )


def test_a_known_price_is_named(database: Database, host: Host) -> None:
    model = hosted(database)
    host.answers = [ServingStatus("deleted", hourly_usd=Decimal("2.50"))]
    serving.serve(database, model.id, actor="ada", confirmed_hourly=True)
    drive(database, agents=["tuning"])
    with pytest.raises(ModelRefused, match=r"for \$2\.5 an hour \(\$1,825 a month\)"):
        serving.serve(database, model.id, actor="ada")


def test_it_is_recorded_before_it_is_asked_for_and_looked_at_until_it_is_there(database: Database, host: Host) -> None:
    model = hosted(database)
    recorded = serving.serve(database, model.id, actor="ada", reason="to try", confirmed_hourly=True)
    assert (recorded.serving, host.asked) == ("deploying", [])
    line = audit.entries(database, subject="model", subject_id=model.id)[0]
    assert (line.actor, line.action, line.reason, line.after) == (
        "ada",
        "serve",
        "to try",
        {"serving": "deploying", "confirmed_hourly": True},
    )

    host.answers = [
        ServingStatus("deploying", remote={"name": "x"}),
        ServingStatus("deploying"),
        ServingStatus("ready", "ollama:served"),
    ]
    drive(database, agents=["tuning"])
    assert models.get(database, model.id).serving == "deploying"
    assert not serving.is_stalled(database, models.get(database, model.id))
    look_now(database)
    look_now(database)
    now = models.get(database, model.id)
    assert (now.serving, now.call_name, now.serving_remote) == ("ready", "ollama:served", {"name": "x"})
    assert host.asked == [("serve", {}), ("serving", {"name": "x"}), ("serving", {"name": "x"})]
    deployments.deploy(database, model.id, actor="ada")

    with pytest.raises(ModelRefused, match="in use"):
        serving.unserve(database, model.id, actor="ada")
    deployments.undeploy(database, actor="ada")
    host.answers = [ServingStatus("deleting", remote={"is_ending": True}), ServingStatus("deleted")]
    assert serving.unserve(database, model.id, actor="bob").serving == "deleting"
    drive(database, agents=["tuning"])
    look_now(database)
    now = models.get(database, model.id)
    assert (now.serving, now.call_name) == ("deleted", "")
    with pytest.raises(ModelRefused, match="Nothing serves plans"):
        serving.unserve(database, model.id, actor="bob")


def test_what_a_provider_refuses_is_told_at_the_model(database: Database, host: Host) -> None:
    model = hosted(database)
    host.answers = [NotSubmitted("There is no capacity in this region.", advice="Choose another one.")]
    serving.serve(database, model.id, actor="ada", confirmed_hourly=True)
    drive(database, agents=["tuning"])
    now = models.get(database, model.id)
    assert (now.serving, now.serving_error) == ("failed", "There is no capacity in this region. Choose another one.")
    with pytest.raises(ModelRefused, match="could not be served"):
        deployments.deploy(database, model.id, actor="ada")
    host.answers = [ServingStatus("ready", "ollama:x")]
    serving.serve(database, model.id, actor="ada", confirmed_hourly=True)
    drive(database, agents=["tuning"])
    assert models.get(database, model.id).serving == "ready"


def test_trouble_is_tried_again_and_then_left_to_a_person(database: Database, host: Host) -> None:
    model = hosted(database)
    host.answers = [ProviderTrouble("Nobody answers."), NotSubmitted("Too many at once.", passing=True)]
    host.answers += [ProviderTrouble("Nobody answers.")] * 6
    serving.serve(database, model.id, actor="ada", confirmed_hourly=True)
    drive(database, agents=["tuning"])
    now = models.get(database, model.id)
    assert (now.serving, now.serving_error, len(host.asked)) == ("deploying", "Nobody answers.", 8)
    assert serving.is_stalled(database, now)
    (command,) = commands.page(database, CommandFilter()).rows
    assert command.status == "failed"

    host.answers = [ServingStatus("ready", "ollama:x")]
    serving.look(database, model.id, actor="bob")
    drive(database, agents=["tuning"])
    now = models.get(database, model.id)
    assert (now.serving, now.serving_error) == ("ready", "")


def test_a_worker_that_dies_after_asking_asks_again_which_does_no_harm(database: Database, host: Host) -> None:
    model = hosted(database)
    serving.serve(database, model.id, actor="ada", confirmed_hourly=True)
    host.answers = [ServingStatus("ready", "ollama:x")] * 2
    (claim,) = claims.claim(database, worker="one", agents=["tuning"], limit=1)
    host.meanwhile = lambda: (_ for _ in ()).throw(SystemExit)
    with pytest.raises(SystemExit):
        registry()["tuning"](CommandContext(database, claim))
    host.meanwhile = lambda: None
    assert models.get(database, model.id).serving == "deploying"
    claims.fail(database, claim.command.id, claim.token, "lost", backoff_s=0)
    drive(database, agents=["tuning"])
    assert models.get(database, model.id).serving == "ready"
    assert [act for act, _ in host.asked] == ["serve", "serve"]


def test_an_end_that_is_asked_for_while_serving_begins_ends_what_was_made(database: Database, host: Host) -> None:
    """Otherwise what is paid by the hour would stay, and nobody would know its name."""
    model = hosted(database)
    serving.serve(database, model.id, actor="ada", confirmed_hourly=True)
    begun, go_on = threading.Event(), threading.Event()

    def meanwhile() -> None:
        begun.set()
        go_on.wait(30)

    host.meanwhile = meanwhile
    host.answers = [ServingStatus("deploying", remote={"name": "x"}), ServingStatus("deleted")]
    first = threading.Thread(
        target=serving.carry_on, args=(database, "serve", model.id), kwargs={"confirmed_hourly": True}
    )
    first.start()
    assert begun.wait(30)
    serving.unserve(database, model.id, actor="bob")
    second = threading.Thread(target=serving.carry_on, args=(database, "unserve", model.id))
    second.start()
    go_on.set()
    first.join()
    second.join()
    assert host.asked == [("serve", {}), ("unserve", {"name": "x"})]
    assert models.get(database, model.id).serving == "deleted"


def test_pressed_twice_it_begins_once(database: Database, host: Host) -> None:
    model = hosted(database)
    serving.serve(database, model.id, actor="ada", confirmed_hourly=True)
    with pytest.raises(Conflict, match="being made ready already"):
        serving.serve(database, model.id, actor="bob", confirmed_hourly=True)
    host.answers = [ServingStatus("ready", "ollama:x")]
    drive(database, agents=["tuning"])
    with pytest.raises(Conflict, match="answers already, as ollama:x"):
        serving.serve(database, model.id, actor="bob", confirmed_hourly=True)
    serving.unserve(database, model.id, actor="bob")
    with pytest.raises(Conflict, match="taken out of service already"):
        serving.unserve(database, model.id, actor="bob")


def test_bases_and_profiles_need_no_serving(database: Database, host: Host) -> None:
    base = models.add_base(database, "ollama:qwen3:4b", actor="ada")
    profile = a_model(database, "p", kind="profile", profile={"system": "x", "examples": []})
    for model, why in ((base, "its provider serves it"), (profile, "sent with each question")):
        for act in (serving.serve, serving.unserve, serving.look):
            with pytest.raises(ModelRefused, match=why):
                act(database, model.id, actor="ada")
    with pytest.raises(ModelRefused, match="nothing to look at"):
        serving.look(database, hosted(database).id, actor="ada")


def test_a_model_that_its_provider_lost_is_found_out_by_looking(database: Database, host: Host) -> None:
    model = hosted(database, serving="ready", call_name="ollama:x")
    host.answers = [ServingStatus("deleted", error="There is no model x any more.")]
    serving.look(database, model.id, actor="ada")
    drive(database, agents=["tuning"])
    now = models.get(database, model.id)
    assert (now.serving, now.serving_error, now.call_name) == ("deleted", "There is no model x any more.", "")


def test_what_an_end_means_is_said_before(database: Database) -> None:
    assert "deletes plans for good" in serving.ending_words(a_model(database, provider="openai"))
    assert "until it is served again" in serving.ending_words(a_model(database, provider="local"))


def test_a_command_without_a_model_is_refused(database: Database) -> None:
    from core.commands.models import NewCommand

    commands.enqueue(database, NewCommand("tuning", "serve"), actor="ada")
    (claim,) = claims.claim(database, worker="one", agents=["tuning"], limit=1)
    with pytest.raises(CommandRefused, match="no model with the id 0"):
        registry()["tuning"](CommandContext(database, claim))
    assert Outcome().result == {}

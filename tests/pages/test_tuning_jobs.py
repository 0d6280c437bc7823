"""Jobs on the fine-tuning page: what runs, what can be done with it, what ended, curves compared, and the drawer."""

from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from core import audit
from core.datasets.versions import DatasetVersion
from core.db import Database
from core.db.tables import models
from core.settings import get_settings
from core.tuning import jobs
from core.tuning.jobs import Job
from core.tuning.providers.protocol import JobStatus, NewJobEvent
from tests.pages import tuned
from tests.pages.acting import click, keys, metrics, where
from tests.pages.conftest import Visit, text
from tests.pages.test_tuning import Providers, links
from tests.pages.test_tuning import providers as providers
from tests.scripted import running

HOSTILE = "![x](http://evil.example/a.png) **bold** <b>tag</b> :material/home: [l](http://evil.example)"

pytestmark = pytest.mark.usefixtures("providers")


@pytest.fixture
def version(database: Database) -> DatasetVersion:
    return tuned.frozen(database)


def on_jobs(visit: Visit) -> AppTest:
    return visit("fine_tuning", part="jobs")


def drawer(visit: Visit, job: Job, view: str = "Curve") -> AppTest:
    app = visit("fine_tuning", job=str(job.id))
    if view != "Curve":
        app.pills(key="tuning_view").set_value(view).run()
    assert not app.exception
    return app


class TestWhatRuns:
    def test_it_shows_state_steps_values_events_and_the_curve(
        self, visit: Visit, database: Database, version: DatasetVersion
    ) -> None:
        job = tuned.driven(database, tuned.job(database, version, name="my plans"), steps=2)
        app = on_jobs(visit)
        said = text(app)
        assert "Running: 1 job" in said
        assert "my plans · Local · Ollama · base-small · plans@1" in said
        (bar,) = app.get("progress")
        assert bar.proto.text == "Training · step 2 of 3 · about 10 s left"
        assert "Now: train loss 0.6667 · validation loss 0.7667 · 512 tokens/s" in said
        assert "Step 1 logged." in said
        (chart,) = app.get("plotly_chart")
        assert chart.proto.alt == "Loss by training step: train from 1 to 0.6667, validation from 1.1 to 0.7667."
        assert {f"tuning_stop_page_{job.id}", f"tuning_cancel_page_{job.id}"} <= keys(app)
        assert f"tuning_resume_page_{job.id}" not in keys(app)

    def test_it_stops_with_a_checkpoint_and_goes_on(
        self, visit: Visit, database: Database, version: DatasetVersion
    ) -> None:
        job = tuned.driven(database, tuned.job(database, version), steps=1)
        app = click(on_jobs(visit), f"tuning_stop_page_{job.id}")
        assert "keeps a checkpoint" in text(app)
        assert app.button(key=f"tuning_stop_page_{job.id}").disabled
        assert tuned.driven(database, job, until="paused").state == "paused"
        app = click(on_jobs(visit), f"tuning_resume_page_{job.id}")
        assert tuned.driven(database, job, until="succeeded").model_id is not None
        asked = [line.reason for line in audit.entries(database, subject="job", subject_id=str(job.id))]
        assert asked.count("on the fine-tuning page") >= 2

    def test_cancelling_says_before_that_it_may_be_charged(
        self, visit: Visit, database: Database, version: DatasetVersion
    ) -> None:
        job = tuned.driven(database, tuned.job(database, version, "openai"), steps=1)
        app = click(on_jobs(visit), f"tuning_cancel_page_{job.id}")
        assert "may still be charged" in text(app)
        assert jobs.get(database, job.id).wants is None
        click(app, "modal_yes")
        assert tuned.driven(database, job, until="cancelled").state == "cancelled"

    def test_what_was_not_sent_is_cancelled_for_nothing(
        self, visit: Visit, database: Database, version: DatasetVersion
    ) -> None:
        job = tuned.job(database, version, "openai")
        app = click(on_jobs(visit), f"tuning_cancel_page_{job.id}")
        assert "nothing is charged" in text(app)
        click(app, "modal_yes")
        assert jobs.get(database, job.id).state == "cancelled"

    def test_what_cannot_be_ended_says_so_and_has_no_button(
        self, visit: Visit, database: Database, version: DatasetVersion, providers: Providers
    ) -> None:
        providers["openai"].capabilities = replace(providers["openai"].capabilities, cancels=False)
        job = tuned.driven(database, tuned.job(database, version, "openai"), steps=1)
        app = on_jobs(visit)
        assert "GPT offers no way to end it; wait for its end." in text(app)
        assert f"tuning_cancel_page_{job.id}" not in keys(app)

    def test_somebody_who_was_slower_is_told(self, visit: Visit, database: Database, version: DatasetVersion) -> None:
        job = tuned.job(database, version)
        app = on_jobs(visit)
        jobs.cancel(database, job.id, actor="ben", reason="first")
        click(app, f"tuning_cancel_page_{job.id}")
        click(app, "modal_yes")
        assert "it cannot be cancelled" in text(app)

    def test_a_state_that_nobody_knows_is_shown_as_the_provider_says_it(
        self, visit: Visit, database: Database, version: DatasetVersion, providers: Providers
    ) -> None:
        providers["openai"].polls = (JobStatus("unknown", "pondering"),)
        tuned.driven(database, tuned.job(database, version, "openai"), until="unknown")
        said = text(on_jobs(visit))
        assert "GPT says: pondering" in said

    def test_what_ends_while_one_looks_is_said_once(
        self, visit: Visit, database: Database, version: DatasetVersion
    ) -> None:
        job = tuned.driven(database, tuned.job(database, version, name=HOSTILE), steps=1)
        app = on_jobs(visit)
        assert not app.toast
        tuned.driven(database, job, until="succeeded")
        app.run()
        (toast,) = app.toast
        assert toast.value.startswith(f"Job {job.id} has ended\\: succeeded\\. \\!\\[x\\]")
        app.run()
        assert not app.toast

    def test_the_watch_sees_what_others_do(self, visit: Visit, database: Database, version: DatasetVersion) -> None:
        from ui.tuning import watch as tuning_watch

        before = tuning_watch.seen(database, "jobs"), tuning_watch.seen(database, "train")
        job = tuned.job(database, version)
        begun = tuning_watch.seen(database, "jobs"), tuning_watch.seen(database, "train")
        assert before[0] != begun[0]
        assert before[1] != begun[1]
        tuned.driven(database, job, until="running")
        running_now = tuning_watch.seen(database, "train")
        tuned.driven(database, job, steps=2)
        assert tuning_watch.seen(database, "train") == running_now
        assert tuning_watch.seen(database, "jobs") != begun[0]


class TestNobodyKnows:
    @pytest.fixture
    def job(self, database: Database, version: DatasetVersion, providers: Providers) -> Job:
        """Sent without an answer, and looked for in vain."""
        providers["openai"].answers = False
        return tuned.driven(database, tuned.job(database, version, "openai"), needs_person=True)

    def test_it_waits_with_three_choices_and_what_each_means(self, visit: Visit, job: Job) -> None:
        said = text(on_jobs(visit))
        assert "no answer came, and looking for it found nothing" in said
        assert "If the first one did arrive, both run and both are paid." in said
        assert "If it did arrive, it runs on there and is charged." in said

    def test_it_is_looked_for_again(self, visit: Visit, database: Database, job: Job) -> None:
        click(on_jobs(visit), f"tuning_look_page_{job.id}")
        assert not jobs.get(database, job.id).needs_person

    def test_submitting_again_needs_a_reason(
        self, visit: Visit, database: Database, job: Job, providers: Providers
    ) -> None:
        app = click(on_jobs(visit), f"tuning_submit_page_{job.id}")
        assert "charges twice. Estimated for each: $4.10 to $8.20." in text(app)
        click(app, "tuning_resubmit_yes")
        assert "Say in a few words why" in text(app)
        assert jobs.get(database, job.id).state == "submit_unknown"
        app.text_input(key="tuning_resubmit_reason").set_value("their console shows nothing")
        click(app, "tuning_resubmit_yes")
        providers["openai"].answers = True
        assert tuned.driven(database, job, until="succeeded").state == "succeeded"
        assert len(providers["openai"].submitted) == 2

    def test_giving_up_ends_it(self, visit: Visit, database: Database, job: Job) -> None:
        click(click(on_jobs(visit), f"tuning_give_up_page_{job.id}"), "modal_yes")
        assert jobs.get(database, job.id).error_code == "given_up"

    def test_it_can_be_left(self, visit: Visit, database: Database, job: Job) -> None:
        click(click(on_jobs(visit), f"tuning_submit_page_{job.id}"), "tuning_resubmit_no")
        assert jobs.get(database, job.id).needs_person


class TestTheTable:
    def test_each_row_has_icon_and_word_and_the_cost(
        self, visit: Visit, database: Database, version: DatasetVersion
    ) -> None:
        tuned.driven(database, tuned.job(database, version, "openai"), until="succeeded")
        tuned.job(database, version)
        newest, older = on_jobs(visit).dataframe[0].value.to_dict("records")
        assert (newest["state"], newest["cost"]) == ("◔ checking", "est. $0")
        assert (older["state"], older["cost"], older["provider"]) == ("✓ succeeded", "$4.10", "GPT")

    def test_it_is_filtered_by_state(self, visit: Visit, database: Database, version: DatasetVersion) -> None:
        tuned.driven(database, tuned.job(database, version, "openai"), until="succeeded")
        tuned.job(database, version)
        app = on_jobs(visit)
        app.pills(key="tuning_states").set_value(["succeeded"]).run()
        assert list(app.dataframe[0].value["state"]) == ["✓ succeeded"]

    def test_it_is_paged(self, visit: Visit, database: Database, version: DatasetVersion) -> None:
        for number in range(23):
            job = tuned.job(database, version, settings={"batch": number + 1}, name=f"job {number}")
            jobs.cancel(database, job.id, actor="ada", reason="")
        app = on_jobs(visit)
        assert len(app.dataframe[0].value) == 20
        click(app, "tuning_next")
        assert list(app.dataframe[0].value["name"]) == ["job 2", "job 1", "job 0"]
        assert "21 to 23 of 23 jobs" in text(app)
        assert app.button(key="tuning_next").disabled
        click(app, "tuning_previous")
        assert len(app.dataframe[0].value) == 20

    def test_archived_ones_are_left_out(self, visit: Visit, database: Database, version: DatasetVersion) -> None:
        job = tuned.job(database, version)
        jobs.cancel(database, job.id, actor="ada", reason="")
        jobs.archive(database, job.id, actor="ada", reason="")
        app = on_jobs(visit)
        assert not app.dataframe
        app.toggle(key="tuning_archived").set_value(True).run()
        assert list(app.dataframe[0].value["id"]) == [f"#{job.id}"]

    def test_those_that_are_ticked_are_compared_in_one_chart(
        self, visit: Visit, database: Database, version: DatasetVersion
    ) -> None:
        first = tuned.job(database, version, name="first")
        second = tuned.job(database, version, name="second", settings={"epochs": 5})
        third = tuned.job(database, version, name="third", settings={"epochs": 6})
        for job in (first, second):
            tuned.curve(database, job.id)
            jobs.cancel(database, job.id, actor="ada", reason="")
        jobs.cancel(database, third.id, actor="ada", reason="")
        app = on_jobs(visit)
        assert "Tick jobs in the table" in text(app)
        app.session_state["tuning_selected"] = {first.id, second.id, third.id}
        app.run()
        (chart,) = app.get("plotly_chart")
        assert chart.proto.alt.startswith("Loss by training step of 3 jobs")
        assert f"Without this curve: #{third.id} third." in text(app)
        app.segmented_control(key="tuning_compare_series").set_value("tokens_per_s").run()
        assert app.get("plotly_chart")[0].proto.alt.startswith("Speed by training step")
        click(app, "tuning_deselect")
        assert not app.get("plotly_chart")


class TestTheDrawer:
    def test_a_failed_one_shows_the_words_of_the_provider_and_what_to_do(
        self, visit: Visit, database: Database, version: DatasetVersion, providers: Providers
    ) -> None:
        providers["openai"].polls = (
            JobStatus("failed", "failed", error=HOSTILE, error_code="bad_file", advice="Mend line 3."),
        )
        job = tuned.driven(database, tuned.job(database, version, "openai"), until="failed")
        app = drawer(visit, job)
        assert "In the provider's own words (code bad_file):" in text(app)
        assert any(block.value == HOSTILE for block in app.code)
        assert "What to do: Mend line 3." in text(app)
        assert f"tuning_retry_drawer_{job.id}" not in keys(app)

    def test_retry_is_offered_where_it_is_free(
        self, visit: Visit, database: Database, version: DatasetVersion, providers: Providers
    ) -> None:
        providers["local"].polls = (running(1, 3), JobStatus("failed", "failed", error="It died."))
        job = tuned.driven(database, tuned.job(database, version), until="failed")
        app = click(drawer(visit, job), f"tuning_retry_drawer_{job.id}")
        assert "That costs nothing" in text(app)
        assert jobs.get(database, job.id).is_open

    def test_its_settings_begin_a_new_job(self, visit: Visit, database: Database, version: DatasetVersion) -> None:
        job = tuned.job(database, version, settings={"epochs": 7, "engine": "plain"}, base="base-large")
        jobs.cancel(database, job.id, actor="ada", reason="")
        app = click(drawer(visit, job), "tuning_reuse")
        assert where(app)["train_on"] == ["plans@1"]
        assert "job" not in where(app)
        assert app.selectbox(key="tuning_base_local").value == "base-large"
        assert next(each for each in app.number_input if each.label == "Passes").value == 7
        assert "Changed: Passes, Engine." in text(app)

    def test_events_choices_cost_and_lineage(
        self, visit: Visit, database: Database, version: DatasetVersion, providers: Providers
    ) -> None:
        providers["openai"].polls = (running(1, 2, NewJobEvent(HOSTILE, "warning")), *providers["openai"].polls)
        job = tuned.driven(database, tuned.job(database, version, "openai", name="mine"), until="succeeded")
        (events,) = (block.value for block in drawer(visit, job, "Events").code)
        assert f"! {HOSTILE}" in events
        assert events.index("succeeded") < events.index("checking")
        chosen = drawer(visit, job, "Choices").dataframe[-1].value.set_index("what")["value"]
        assert (chosen["Passes"], chosen["Known there as"], chosen["Marker"]) == ("3", "remote-1", job.key)
        cost = metrics(drawer(visit, job, "Cost"))
        assert (cost["Estimated before"], cost["Actual"]) == ("$4.10 to $8.20", "$4.10")
        assert cost["Tokens trained"] == "1,000"
        app = drawer(visit, job, "Lineage")
        assert "plans@1, 40 records" in text(app)
        assert links(app)["Open it"] == "dataset=plans&version=1"
        click(app, "tuning_open_model")
        assert where(app) == {"part": ["models"], "model": [str(job.model_id)]}
        assert "Model " + str(job.model_id) in text(app)

    def test_a_model_that_reads_otherwise_than_it_was_trained_shows_both_texts(
        self, visit: Visit, database: Database, version: DatasetVersion
    ) -> None:
        job = tuned.driven(database, tuned.job(database, version), until="succeeded")
        one = {"name": "one", "trained": "<s>one", "trained_tokens": 9, "ollama": HOSTILE, "ollama_tokens": 12,
               "differs": "It differs.", "is_blanks": False}  # fmt: skip
        kept = {"verdict": "different", "sentence": "Other marks.", "conversations": [one]}
        with database.begin() as connection:
            values = {"serving": "failed", "serving_remote": {"conversations": kept}}
            connection.execute(models.update().where(models.c.id == job.model_id).values(**values))
        app = drawer(visit, job)
        assert "When it was last put into Ollama: Other marks" in text(app)
        assert [block.value for block in app.code][:2] == ["<s>one", HOSTILE]

    def test_every_series_has_its_curve(self, visit: Visit, database: Database, version: DatasetVersion) -> None:
        job = tuned.job(database, version)
        tuned.curve(database, job.id, accuracy=0.5)
        jobs.cancel(database, job.id, actor="ada", reason="")
        app = drawer(visit, job)
        assert app.pills(key="tuning_series").options == ["Loss", "Token accuracy", "Speed"]
        app.pills(key="tuning_series").set_value("accuracy").run()
        assert app.get("plotly_chart")[-1].proto.alt == "Token accuracy by training step: share of tokens (0 to 1)."

    def test_a_profile_has_no_curve_and_says_why(
        self, visit: Visit, database: Database, version: DatasetVersion, providers: Providers
    ) -> None:
        providers["claude"].polls = (JobStatus("trained", "ended"),)
        job = tuned.driven(database, tuned.job(database, version, "claude", method="profile"), until="succeeded")
        assert "A profile is not trained, so there is no curve." in text(drawer(visit, job))

    def test_it_is_archived_and_taken_back(self, visit: Visit, database: Database, version: DatasetVersion) -> None:
        job = tuned.job(database, version)
        jobs.cancel(database, job.id, actor="ada", reason="")
        app = click(drawer(visit, job), "tuning_archive")
        assert jobs.get(database, job.id).archived_at is not None
        click(app, "tuning_unarchive")
        assert jobs.get(database, job.id).archived_at is None

    @pytest.mark.parametrize("asked", ["9999", "x'; DROP TABLE", "-1", "²"])
    def test_what_an_address_names_may_be_anything(self, visit: Visit, database: Database, asked: str) -> None:
        said = text(visit("fine_tuning", job=asked))
        assert "There is no fine-tuning job" in said or "The link names no job" in said

    def test_captured_text_is_never_markdown(
        self, visit: Visit, database: Database, version: DatasetVersion, providers: Providers
    ) -> None:
        providers["openai"].polls = (
            running(1, 2, NewJobEvent(HOSTILE)),
            JobStatus("failed", HOSTILE, HOSTILE, error=HOSTILE, error_code=HOSTILE, advice=HOSTILE),
        )
        job = tuned.job(database, version, "openai", name=HOSTILE[:90], base=HOSTILE)
        tuned.driven(database, job, steps=1)
        pages = [on_jobs(visit)]
        job = tuned.driven(database, job, until="failed")
        pages += [drawer(visit, job, view) for view in ("Curve", "Events", "Choices", "Cost", "Lineage")]
        for app in pages:
            shown = [app.markdown, app.caption, app.error, app.warning, app.info, app.success, app.title, app.subheader]
            assert not [
                each.value for kind in shown for each in kind if "![x](http" in each.value or "<b>" in each.value
            ]
            labels = [each.label for each in (*app.button, *app.expander, *app.metric)]
            assert not any("evil" in label for label in labels)


def test_the_actor_of_every_act_is_the_one_of_the_process(
    visit: Visit, database: Database, version: DatasetVersion
) -> None:
    job = tuned.job(database, version)
    click(click(on_jobs(visit), f"tuning_cancel_page_{job.id}"), "modal_yes")
    line = audit.entries(database, subject="job", subject_id=str(job.id))[0]
    assert (line.actor, line.reason) == (get_settings().actor, "on the fine-tuning page")

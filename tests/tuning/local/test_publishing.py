"""From a trained folder to a model in Ollama and out of it again: names, kills in between, and what does not fit."""

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from core.settings import Settings
from core.tuning.providers.local import bases
from core.tuning.providers.local.adapter import PROVIDER
from core.tuning.providers.local.ollama import publishing
from core.tuning.providers.local.ollama.client import Ollama
from core.tuning.providers.protocol import NotSubmitted, NotThere, ProviderTrouble
from tests.training import Tiny
from tests.tuning.local.conftest import Standing, settings_with
from tests.tuning.local.trained import Trained, model_of, silent


def test_a_trained_job_becomes_a_model_that_answers(job: Trained, served: Standing, tiny: Tiny) -> None:
    view = job.job(name="Ticket labels, März!")
    made = PROVIDER.finish(view, silent)
    assert (made.kind, made.serving, made.call_name) == ("tuned", "ready", "ollama:ticket-labels-m-rz:latest")
    gguf, peft = made.artefacts
    assert publishing.sha256(Path(gguf["path"])) == gguf["sha256"]
    assert publishing.sha256(Path(peft["path"]) / "adapter_model.safetensors") == peft["sha256"]
    assert made.parameters["settings"]["rank"] == 8
    assert made.parameters["result"]["steps"] == 50
    assert made.tokens_trained
    shown = Ollama(view.settings).show("ticket-labels-m-rz")
    assert shown is not None
    assert shown.adapters == (f"sha256:{gguf['sha256']}",)
    base = Ollama(view.settings).show("tiny")
    assert base is not None
    assert (base.adapters, base.digest) == ((), shown.digest)  # the base is untouched
    row = tiny.chats("test")[0]
    assert served.says("ticket-labels-m-rz", row["messages"][:-1])
    # Killed before its end was written down, it is done again, and becomes the same.
    assert PROVIDER.finish(view, silent).call_name == made.call_name
    assert [name for name in Ollama(view.settings).names() if "ticket" in name] == ["ticket-labels-m-rz:latest"]


def test_a_name_that_is_taken_gets_a_number(job: Trained, served: Standing, tiny: Tiny) -> None:
    served.add("tickets-2-tiny", tiny.base_gguf)
    assert PROVIDER.finish(job.job(), silent).call_name == "ollama:tickets-2-tiny-2:latest"
    assert Ollama(job.job().settings).show("tickets-2-tiny").adapters == ()  # pyright: ignore[reportOptionalMemberAccess]


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        ("Ticket Labels", "ticket-labels:latest"),
        ("a:b/c", "a-b-c:latest"),
        ("日本", "whetstone:latest"),
        ("--.x_y.1.--", "x_y.1:latest"),
        ("y" * 100, "y" * 60 + ":latest"),
    ],
)
def test_names(wanted: str, name: str) -> None:
    assert publishing.name_of(wanted) == name


def test_without_ollama_it_is_trained_and_served_later(job: Trained, served: Standing) -> None:
    served.stop()
    view = job.job(name="later")
    made = PROVIDER.finish(view, silent)
    assert (made.serving, made.call_name) == ("none", "")
    assert made.note.startswith("Trained, not deployed: Ollama does not answer")
    assert made.note.endswith("press Serve on the model.")
    model = model_of(made, view)
    assert PROVIDER.serving(model).state == "none"
    with pytest.raises(NotSubmitted, match="does not answer"):
        PROVIDER.serve(model)
    served.start()
    ready = PROVIDER.serve(model)
    assert (ready.state, ready.call_name, ready.hourly_usd) == ("ready", "ollama:later:latest", None)
    model = replace(model, call_name=ready.call_name, serving_remote=ready.remote)
    assert PROVIDER.serving(model).state == "ready"
    assert PROVIDER.serve(model).call_name == ready.call_name
    assert PROVIDER.unserve(model).state == "deleted"
    assert PROVIDER.serving(model).state == "deleted"
    assert PROVIDER.unserve(model).state == "deleted"
    assert Ollama(view.settings).names() == ("tiny:latest",)


def test_what_has_its_name_and_is_something_else_is_left_alone(job: Trained, served: Standing, tiny: Tiny) -> None:
    view = job.job(name="mine")
    made = PROVIDER.finish(view, silent)
    served.add("mine", tiny.base_gguf)  # somebody made another model under this name
    model = model_of(made, view)
    served_now = PROVIDER.serving(model)
    assert (served_now.state, "has another adapter" in served_now.error) == ("failed", True)
    PROVIDER.unserve(model)
    assert "mine:latest" in Ollama(view.settings).names()


def test_a_base_that_is_another_one_by_now_is_refused(job: Trained) -> None:
    view = job.job()
    view = replace(view, remote={"base": {"tag": "tiny:latest", "digest": f"sha256:{'0' * 64}"}})
    made = PROVIDER.finish(view, silent)
    assert (made.serving, made.call_name) == ("failed", "")
    assert "tiny:latest is another model now than the one that was trained on" in made.note


def test_a_base_with_an_adapter_is_refused(job: Trained) -> None:
    first = PROVIDER.finish(job.job(name="first"), silent)
    name = first.call_name.removeprefix("ollama:")
    view = replace(job.job(name="second"), remote={"base": {"tag": name, "digest": ""}})
    assert "has an adapter already" in PROVIDER.finish(view, silent).note


def test_a_base_that_is_gone(job: Trained, served: Standing) -> None:
    served.client.delete("tiny")
    note = PROVIDER.finish(job.job(), silent).note
    assert "Ollama has no tiny:latest." in note
    assert "ollama pull tiny:latest" in note


def test_a_base_of_another_form_is_refused(job: Trained) -> None:
    config = job.folder / "base_config" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"num_hidden_layers": 3}))
    made = publishing_of_wrong_base(job)
    assert "num hidden layers is 2 there and 3 here" in made


def publishing_of_wrong_base(job: Trained) -> str:
    view = job.job()
    with pytest.raises(NotSubmitted) as refused:
        publishing.base_to_serve_on(Ollama(view.settings), "tiny", digest="", config=job.folder / "base_config")
    return str(refused.value)


def test_an_adapter_that_cannot_be_loaded_is_removed_again(job: Trained, llama_python: Path, tmp_path: Path) -> None:
    """Ollama takes any adapter, and only loading it shows that it does not fit."""
    wrong = tmp_path / "wrong.gguf"
    write = (
        "import gguf, numpy as np, sys; w = gguf.GGUFWriter(sys.argv[1], 'llama'); w.add_type(gguf.GGUFType.ADAPTER);"
        "w.add_string('adapter.type', 'lora'); w.add_float32('adapter.lora.alpha', 16.0);"
        "w.add_tensor('blk.0.attn_q.weight.lora_a', np.ones((8, 96), np.float32));"
        "w.add_tensor('blk.0.attn_q.weight.lora_b', np.ones((96, 8), np.float32));"
        "w.write_header_to_file(); w.write_kv_data_to_file(); w.write_tensors_to_file(); w.close()"
    )
    subprocess.run([llama_python, "-c", write, wrong], check=True)
    ollama = Ollama(job.job().settings)
    base = ollama.show("tiny")
    assert base is not None
    digest = f"sha256:{publishing.sha256(wrong)}"
    with pytest.raises(NotSubmitted, match="failed to apply lora") as refused:
        publishing.publish(ollama, publishing.Wanted("bad:latest", base, wrong, digest, {}), None)
    assert "fetch that one" in refused.value.advice
    assert ollama.names() == ("tiny:latest",)


def test_a_file_that_changed_is_not_what_was_trained(job: Trained) -> None:
    view = job.job()
    made = PROVIDER.finish(view, silent)
    Path(made.artefacts[0]["path"]).write_bytes(b"GGUF, but another")
    with pytest.raises(NotSubmitted, match="is not what was trained"):
        PROVIDER.serve(model_of(made, view))


def test_what_ollama_refuses_is_said_in_its_words(job: Trained, tmp_path: Path) -> None:
    ollama = Ollama(job.job().settings)
    text = tmp_path / "text"
    text.write_text("no model")
    ollama.take_blob(text, digest := f"sha256:{publishing.sha256(text)}")
    assert ollama.has_blob(digest)
    with pytest.raises(NotSubmitted, match="supplied file was not in GGUF format"):
        ollama.create("x", base="tiny", adapter=digest, parameters={})
    with pytest.raises(NotSubmitted, match="has changed"):
        ollama.take_blob(text, f"sha256:{'0' * 64}")
    right = PROVIDER.finish(job.job(), silent).artefacts[0]
    with pytest.raises(NotSubmitted, match="file does not exist"):
        ollama.create("x", base="nobody", adapter=f"sha256:{right['sha256']}", parameters={})


def test_an_adapter_is_converted_anew_when_it_is_another(job: Trained) -> None:
    view = job.job()
    first = PROVIDER.finish(view, silent).artefacts[0]
    Path(first["path"]).write_bytes(b"GGUF, and damaged")
    told: list[str] = []
    again = PROVIDER.finish(view, lambda what, _share: told.append(what)).artefacts[0]
    assert "converting the adapter" in told
    assert again["sha256"] == first["sha256"]


def test_a_base_made_smaller_on_publishing(job: Trained, served: Standing, tiny: Tiny) -> None:
    view = job.job(name="small", quantised="q8_0", temperature=0.5)
    made = PROVIDER.finish(view, silent)
    assert made.serving == "ready", made.note
    shown = Ollama(view.settings).show("small")
    assert shown is not None
    assert shown.quantisation == "Q8_0"
    row = tiny.chats("test")[0]
    assert served.says("small", row["messages"][:-1])


def test_a_folder_as_base_is_served_on_what_was_named(job: Trained, tiny: Tiny) -> None:
    view = replace(job.job(str(tiny.base), "named", serve_on="tiny"), remote={"base": {"folder": str(tiny.base)}})
    assert PROVIDER.finish(view, silent).call_name == "ollama:named:latest"


def test_a_folder_as_base_is_served_once_ollama_has_it(job: Trained, served: Standing, tiny: Tiny) -> None:
    base = tiny.base
    view = replace(job.job(str(base), "found"), remote={"base": {"folder": str(base)}})
    made = PROVIDER.finish(view, silent)
    assert made.serving == "none"
    assert f"`FROM {base}` and `ollama create whetstone-base-base`" in made.note
    model = model_of(made, view)
    with pytest.raises(NotSubmitted, match="Ollama has no whetstone-base-base"):
        PROVIDER.serve(model)
    served.add("whetstone-base-base", tiny.base_gguf)
    assert PROVIDER.serve(model).call_name == "ollama:found:latest"


def test_an_ollama_model_becomes_a_folder_once(
    served: Standing, trainer_python: Path, tmp_path: Path, tiny: Tiny
) -> None:
    settings: Settings = settings_with(tmp_path / "home", OLLAMA_HOST=served.address)
    shown = Ollama(settings).show("tiny")
    assert shown is not None
    base, store = bases.Base.parse("ollama:tiny"), tmp_path / "bases"
    told: list[str] = []

    def resolve() -> bases.Resolved:
        return bases.of_ollama(
            base,
            shown,
            store=store,
            python=str(trainer_python),
            dtype="float32",
            report_progress=lambda what, _share: told.append(what),
        )

    made = resolve()
    assert (made.folder / "model.safetensors").exists()
    assert json.loads((made.folder / "config.json").read_text())["num_hidden_layers"] == 2
    assert (made.digest, made.tag) == (shown.digest, "tiny:latest")
    assert "reading the base's weights" in told
    assert "making the base's weights plain" in told
    told.clear()
    assert resolve() == made
    assert told == []
    assert bases.remembered(base, store, "float32") == made
    assert bases.remembered(base, store, "bfloat16") is None

    shutil.rmtree(made.folder)
    file = shown.files[0]
    file.write_bytes(file.read_bytes()[:-1] + b"\0")
    with pytest.raises(NotSubmitted, match="is damaged"):
        resolve()
    assert list(store.glob(".new-*")) == []


def test_what_was_never_begun_is_not_there(job: Trained) -> None:
    with pytest.raises(NotThere):
        PROVIDER.find(job.job())


def test_a_cluster_whose_address_is_gone_is_trouble_that_may_pass(job: Trained) -> None:
    with pytest.raises(ProviderTrouble, match="RAY_ADDRESS is not set"):
        PROVIDER.poll(job.job(runner="ray"))

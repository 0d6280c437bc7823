"""A model of Ollama is ready when it reads conversations as it was trained; otherwise both texts are shown."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
import pytest

from core.tuning.providers.local.adapter import PROVIDER
from core.tuning.providers.local.ollama import conversations
from core.tuning.providers.local.ollama.client import Ollama, Rendered, Shown
from core.tuning.providers.local.ollama.conversations import compare
from core.tuning.providers.protocol import NotSubmitted, TrainedModel
from tests.training import PROGRAMS, Tiny, done
from tests.tuning.local.conftest import Standing
from tests.tuning.local.trained import Trained, model_of, silent
from tests.tuning.local.variants import TEMPLATE, folder, variant

#: As the tiny base's own, as Ollama writes templates and as a GGUF file has it.
GO = "{{- range .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>\n{{ end }}<|im_start|>assistant\n"
JINJA = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
WITH_SYSTEM = (
    "{% if messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nYou are helpful.<|im_end|>\n' }}{% endif %}"
    + JINJA
)
TRIMMED = JINJA.replace("m['content']", "m['content'] | trim")
BOS = {"tokenizer.ggml.add_bos_token": True, "tokenizer.ggml.bos_token_id": 0}

Serve = Callable[..., None]


@pytest.fixture
def tiny_is(served: Standing, tiny: Tiny, tmp_path: Path) -> Serve:
    """What `tiny` in Ollama is: its template there, its system prompt there, and what stands in its file."""

    def serve(facts: dict[str, Any] | None = None, **more: Any) -> None:
        file = variant(tiny.base_gguf, tmp_path / "variant.gguf", facts or {})
        client = served.client
        client.create(model="tiny", files={"base.gguf": client.create_blob(file)}, **more)

    return serve


def trained_with(job: Trained, tiny: Tiny, template: str, tmp_path: Path, *words: str, **tokenizer: str) -> None:
    """What the trainer makes of conversations with another template."""
    base = folder(
        tiny.base, tmp_path / "trained-base", template, tokenizer, (words[0], words[1]) if words else ("", "")
    )
    said = done(tiny.python, PROGRAMS / "rendering.py", base, "plain")
    (job.folder / "adapter" / "conversations.json").write_text(said.splitlines()[-1])


def kept(made: TrainedModel) -> dict[str, Any]:
    return made.serving_remote["conversations"]


def stopped(job: Trained, sentence: str) -> dict[str, Any]:
    """It is not ready, says why, is gone from Ollama, and both texts are kept; what is kept."""
    made = PROVIDER.finish(job.job(name="stopped"), silent)
    assert (made.serving, made.call_name) == ("failed", ""), made.note
    assert made.note.startswith(f"Trained, not deployed: {sentence}")
    assert made.note.endswith(("press Serve.", "names that token as an end."))
    assert Ollama(job.job().settings).names() == ("tiny:latest",)
    found = kept(made)
    assert (found["verdict"], found["sentence"]) == ("different", sentence)
    json.dumps(found)
    return found


def test_the_same_text_and_tokens_are_ready(job: Trained) -> None:
    made = PROVIDER.finish(job.job(name="alike"), silent)
    assert (made.serving, made.note) == ("ready", "")
    found = kept(made)
    assert found["verdict"] == "same"
    names = ["with a system prompt", "with a former answer", "with special characters"]
    assert [each["name"] for each in found["conversations"]] == names
    for each in found["conversations"]:
        assert each["trained"] == each["ollama"]
        assert each["trained_tokens"] == each["ollama_tokens"] > 20
    assert "  Größe: 3 × 5 µm,\n\n\t" in found["conversations"][2]["ollama"]


def test_its_own_template_in_ollama_is_as_good(job: Trained, tiny_is: Serve) -> None:
    tiny_is(template=GO)
    assert kept(PROVIDER.finish(job.job(), silent))["verdict"] == "same"


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"system": "You are Ollama's."}, "another one than the training did"),
        ({"template": GO.replace("<|im_start|>", "### ")}, "other marks, or other words around it"),
    ],
    ids=["system", "template"],
)
def test_what_the_base_has_in_ollama_alone_is_left_out(
    job: Trained, served: Standing, tiny_is: Serve, more: dict[str, str], words: str
) -> None:
    """The template in the file was the trained one, so the model is made of the weights and nothing else."""
    tiny_is(**more)
    made = PROVIDER.finish(job.job(name="repaired"), silent)
    assert made.serving == "ready", made.note
    assert "It has the template in the base's own file, and not what tiny:latest has: " in made.note
    assert words in made.note
    assert [each["differs"] for each in kept(made)["conversations"]] == ["", "", ""]
    shown = served.client.show("repaired")
    assert "SYSTEM" not in (shown.modelfile or "")
    base = served.client.show("tiny")
    assert ("SYSTEM" in (base.modelfile or "")) is ("system" in more)  # the base itself is left as it is


def test_another_system_prompt_stops(job: Trained, tiny_is: Serve) -> None:
    tiny_is({TEMPLATE: WITH_SYSTEM})
    found = stopped(job, "Where a conversation has no system prompt, Ollama puts in another one than the training did.")
    first, second, third = found["conversations"]
    assert (first["differs"], first["trained"]) == ("", first["ollama"])
    for each in (second, third):
        assert each["ollama"] == f"<|im_start|>system\nYou are helpful.<|im_end|>\n{each['trained']}"


def test_other_marks_stop(job: Trained, tiny_is: Serve) -> None:
    tiny_is({TEMPLATE: JINJA.replace("<|im_start|>", "### ")})
    found = stopped(
        job, "Ollama writes a conversation in another way than the training did: other marks, or other words around it."
    )
    assert all(each["ollama"].startswith("### ") for each in found["conversations"])
    assert all(each["trained"].startswith("<|im_start|>") for each in found["conversations"])


def test_a_template_that_refuses_what_was_trained_stops(job: Trained, tiny_is: Serve) -> None:
    tiny_is({TEMPLATE: "{% if messages | length > 2 %}{{ raise_exception('Too many.') }}{% endif %}" + JINJA})
    made = PROVIDER.finish(job.job(), silent)
    assert made.serving == "failed"
    assert made.note.startswith(
        "Trained, not deployed: Ollama refuses a conversation that was trained: Ollama refused:"
    )
    assert "Too many." in made.note
    assert [bool(each["differs"]) for each in kept(made)["conversations"]] == [False, True, False]
    assert Ollama(job.job().settings).names() == ("tiny:latest",)


def test_a_system_prompt_that_llama_cpp_puts_into_the_question_stops(job: Trained, tiny_is: Serve) -> None:
    """So it does where a template refuses one."""
    no_system = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('No system role.') }}{% endif %}"
    tiny_is({TEMPLATE: no_system + JINJA})
    found = stopped(
        job, "Ollama writes a conversation in another way than the training did: other marks, or other words around it."
    )
    assert [bool(each["differs"]) for each in found["conversations"]] == [True, False, False]
    assert found["conversations"][0]["ollama"].startswith("<|im_start|>user\nYou answer in one word.")


def test_messages_without_their_end_stop(job: Trained, tiny_is: Serve) -> None:
    tiny_is({TEMPLATE: JINJA.replace("<|im_end|>", "")})
    found = stopped(job, "Ollama does not end messages with <|im_end|>, with which they ended in the training.")
    assert all("<|im_end|>" not in each["ollama"] for each in found["conversations"])


def test_a_bos_more_than_trained_stops(job: Trained, tiny_is: Serve) -> None:
    """The text is the same, and the tokens tell."""
    tiny_is(BOS)
    found = stopped(job, "Ollama begins a conversation with a BOS token, with which the training did not begin.")
    for each in found["conversations"]:
        assert each["trained"] == each["ollama"]
        assert each["ollama_tokens"] == each["trained_tokens"] + 1


def test_a_bos_that_the_tokenizer_writes_is_the_one_of_the_template(
    job: Trained, tiny: Tiny, tiny_is: Serve, tmp_path: Path
) -> None:
    begins = "{{ bos_token }}" + JINJA
    trained_with(job, tiny, begins, tmp_path, bos_token="<|endoftext|>")
    tiny_is({**BOS, TEMPLATE: begins})
    found = kept(PROVIDER.finish(job.job(), silent))
    assert found["verdict"] == "same"
    first = found["conversations"][0]
    assert first["trained"] == f"<|endoftext|>{first['ollama']}"
    assert first["trained_tokens"] == first["ollama_tokens"]


def test_a_doubled_bos_stops(job: Trained, tiny: Tiny, tiny_is: Serve, tmp_path: Path) -> None:
    """A template that writes it, and a tokenizer that writes it once more."""
    trained_with(job, tiny, "{{ bos_token }}" + JINJA, tmp_path, bos_token="<|endoftext|>")
    tiny_is({**BOS, TEMPLATE: "{{ bos_token }}{{ bos_token }}" + JINJA}, template="<|endoftext|>" + GO)
    sentence = "Ollama begins a conversation with a doubled BOS token (<|endoftext|>); the training began with one."
    found = stopped(job, sentence)
    for each in found["conversations"]:
        assert each["ollama_tokens"] == each["trained_tokens"] + 1


def test_a_bos_that_is_missing_stops(job: Trained, tiny: Tiny, tiny_is: Serve, tmp_path: Path) -> None:
    trained_with(job, tiny, "{{ bos_token }}" + JINJA, tmp_path, bos_token="<|endoftext|>")
    tiny_is({TEMPLATE: JINJA})
    stopped(job, "Ollama begins a conversation without the BOS token (<|endoftext|>) with which the training began.")


def renamed(tiny: Tiny, end: str) -> list[str]:
    tokens = gguf.GGUFReader(tiny.base_gguf).fields["tokenizer.ggml.tokens"].contents()
    return [end if each == "<|im_end|>" else each for each in tokens]


def test_an_end_at_which_ollama_does_not_stop(
    job: Trained, served: Standing, tiny: Tiny, tiny_is: Serve, tmp_path: Path
) -> None:
    template = JINJA.replace("<|im_end|>", "<|done|>")
    trained_with(job, tiny, template, tmp_path, "<|im_end|>", "<|done|>")
    facts = {"tokenizer.ggml.tokens": renamed(tiny, "<|done|>"), TEMPLATE: template}
    tiny_is({**facts, "tokenizer.ggml.eos_token_id": 0})
    question = tiny.chats("test")[0]["messages"][:-1]
    options = {"temperature": 0, "num_predict": 30}
    assert served.client.chat(model="tiny", messages=question, options=options).done_reason == "length"
    stopped(job, "Ollama does not stop at <|done|>, with which the model learned to end its answers.")
    tiny_is({**facts, "tokenizer.ggml.eos_token_id": 0}, parameters={"stop": ["<|done|>", "###"]})
    assert served.client.chat(model="tiny", messages=question, options=options).done_reason == "length"
    made = PROVIDER.finish(job.job(name="unsure"), silent)
    assert (made.serving, made.note.partition(":")[0]) == (
        "ready",
        "Not known is whether Ollama stops at <|done|>, with which the model learned to end its answers",
    )
    tiny_is(facts)  # with the end in its file
    assert served.client.chat(model="tiny", messages=question, options=options).done_reason == "stop"
    assert kept(PROVIDER.finish(job.job(), silent))["verdict"] == "same"


def test_blanks_around_a_message_alone_are_told(job: Trained, tiny_is: Serve) -> None:
    tiny_is({TEMPLATE: TRIMMED})
    made = PROVIDER.finish(job.job(), silent)
    assert made.serving == "ready"
    assert made.note.startswith("Ollama and the training treat blanks around a message in two ways")
    found = kept(made)
    assert found["verdict"] == "blanks"
    assert [bool(each["differs"]) for each in found["conversations"]] == [False, False, True]


def test_an_older_ollama_is_compared_by_tokens(job: Trained, served: Standing, tiny_is: Serve) -> None:
    served.faults("no debug")
    made = PROVIDER.finish(job.job(name="counted"), silent)
    assert made.serving == "ready"
    assert made.note == (
        "Compared with the training by the number of tokens of three conversations alone, which is the same: this "
        "Ollama cannot show its text."
    )
    assert [each["ollama"] for each in kept(made)["conversations"]] == [None, None, None]
    served.client.delete("counted")
    tiny_is({TEMPLATE: WITH_SYSTEM})
    found = PROVIDER.finish(job.job(name="counted"), silent)
    second = kept(found)["conversations"][1]
    told = f"Ollama makes {second['ollama_tokens']} tokens of a conversation of which the training made "
    assert kept(found)["sentence"] == f"{told}{second['trained_tokens']}."
    assert (found.serving, second["ollama"], second["trained"][:12]) == ("failed", None, "<|im_start|>")
    assert Ollama(job.job().settings).names() == ("tiny:latest",)


def test_an_ollama_that_tells_nothing_is_not_said_to_be_alike(job: Trained, served: Standing) -> None:
    served.faults("no debug", "no count")
    made = PROVIDER.finish(job.job(), silent)
    assert made.serving == "ready"
    assert made.note.startswith("Not compared with the training: this Ollama cannot show its text")
    assert kept(made)["verdict"] == "unknown"


def test_text_without_tokens_is_told_as_that(job: Trained, served: Standing) -> None:
    served.faults("no count")
    assert "by the text of three conversations alone" in PROVIDER.finish(job.job(), silent).note


def test_a_job_trained_before_is_asked_about(job: Trained) -> None:
    (job.folder / "adapter" / "conversations.json").unlink()
    assert kept(PROVIDER.finish(job.job(), silent))["verdict"] == "same"
    assert (job.folder / "adapter" / "conversations.json").exists()


def test_a_trainer_that_cannot_be_asked_is_told(job: Trained) -> None:
    for path in (job.folder / "adapter").iterdir():
        if path.suffix != ".safetensors" and path.name != "adapter_config.json":
            path.unlink()
    made = PROVIDER.finish(job.job(), silent)
    assert (made.serving, kept(made)["verdict"]) == ("ready", "unknown")
    assert made.note.startswith("Not compared with the training: the trainer does not say")


def test_a_model_served_later_is_compared_then(job: Trained, served: Standing, tiny_is: Serve) -> None:
    served.stop()
    view = job.job(name="later")
    model = model_of(PROVIDER.finish(view, silent), view)
    served.start()
    tiny_is({TEMPLATE: WITH_SYSTEM})
    failed = PROVIDER.serve(model)
    assert (failed.state, failed.remote["conversations"]["verdict"]) == ("failed", "different")
    assert failed.error.startswith("Where a conversation has no system prompt, Ollama puts in another one")
    assert Ollama(view.settings).names() == ("tiny:latest",)
    tiny_is()
    ready = PROVIDER.serve(model)
    assert (ready.state, ready.remote["conversations"]["verdict"]) == ("ready", "same")


class Scripted:
    """An Ollama with these answers."""

    def __init__(self, *answers: Rendered | NotSubmitted) -> None:
        self.answers = iter(answers)

    def render(self, name: str, messages: Any) -> Rendered:
        answer = next(self.answers)
        if isinstance(answer, NotSubmitted):
            raise answer
        return answer


SHOWN = Shown("tuned", (), (), "")


def of_trainer(*texts: str | None, **more: Any) -> dict[str, Any]:
    told = [
        {
            "name": str(number),
            "messages": [{"role": "user", "content": "x"}],
            **({"refused": "no"} if text is None else {"text": text, "ids": list(text)}),
        }
        for number, text in enumerate(texts)
    ]
    return {"conversations": told, "bos": None, "end": None, "day": None} | more


def test_what_the_training_refused_is_not_asked() -> None:
    scripted: Any = Scripted(Rendered("ab", 2))
    assert compare(scripted, "tuned", SHOWN, of_trainer(None, "ab")).verdict == "same"
    assert compare(scripted, "tuned", SHOWN, of_trainer(None, None)).verdict == "unknown"


def test_what_ollama_refuses_and_the_training_did_not_stops() -> None:
    scripted: Any = Scripted(NotSubmitted("Ollama refused: no system."), Rendered("ab", 2))
    found = compare(scripted, "tuned", SHOWN, of_trainer("ab", "ab"))
    assert found.verdict == "different"
    assert found.sentence == "Ollama refuses a conversation that was trained: Ollama refused: no system."


def test_what_is_kept_can_be_stored() -> None:
    scripted: Any = Scripted(Rendered("\0\ud800" + "z" * 9_000, None))
    text = compare(scripted, "tuned", SHOWN, of_trainer("ab")).kept()["conversations"][0]["ollama"]
    assert text.encode()
    assert "\0" not in text
    assert len(text) < 4_100


@pytest.mark.parametrize(
    ("end", "facts", "stops", "verdict"),
    [
        ({"id": 2, "text": "<|im_end|>"}, {"eos_token_id": 0}, (), "same"),  # llama.cpp knows it by its text
        ({"id": 7, "text": "<|done|>"}, {"eos_token_id": 0}, (), "different"),
        ({"id": 7, "text": "<|done|>"}, {"eos_token_id": 0, "eot_token_id": 7}, (), "same"),
        ({"id": 7, "text": "<|done|>"}, {"eos_token_id": 0}, ("<|done|>",), "unknown"),
        ({"id": 7, "text": "<|done|>"}, {}, (), "same"),  # not known, so not said
        (None, {"eos_token_id": 0}, (), "same"),
    ],
)
def test_where_an_answer_ends(
    end: dict[str, Any] | None, facts: dict[str, int], stops: tuple[str, ...], verdict: str
) -> None:
    shown = Shown("tuned", (), (), "", {f"tokenizer.ggml.{name}": value for name, value in facts.items()}, stops)
    scripted: Any = Scripted(Rendered("ab", 2))
    assert compare(scripted, "tuned", shown, of_trainer("ab", end=end)).verdict == verdict


def test_the_date_of_another_day_is_asked_for_anew(job: Trained, trainer_python: Path) -> None:
    file = job.folder / "adapter" / "conversations.json"
    today = conversations.dt.date(2026, 3, 1)
    old = json.loads(file.read_text()) | {"day": "2026-02-28"}
    file.write_text(json.dumps(old))

    def asked(day: str) -> dict[str, Any]:
        file.write_text(json.dumps(old | {"day": day}))
        return conversations.of_training(file.parent, "plain", lambda: str(trainer_python), today)

    assert asked("2026-03-01")["day"] == "2026-03-01"
    assert asked("2026-02-28")["day"] is None  # the template of the adapter's tokenizer writes none

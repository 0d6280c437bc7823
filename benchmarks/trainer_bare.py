"""What a person would write with Transformers and PEFT for the same job: `trainer_bare.py JOB_DIR`, for the comparison.

Runs in the trainer's environment. Prints what `benchmarks/trainer.py` compares.
"""

import json
import sys
import time
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer, Trainer, TrainerCallback, TrainingArguments, set_seed


class Clock(TrainerCallback):
    """Seconds within steps, and when the first began."""

    seconds, first = 0.0, 0.0

    def on_step_begin(self, args, state, control, **kwargs):
        self.began = time.time()
        self.first = self.first or self.began

    def on_step_end(self, args, state, control, **kwargs):
        self.seconds += time.time() - self.began
        self.tokens = state.num_input_tokens_seen


def main(folder: Path) -> None:
    job = json.loads((folder / "job.json").read_text())
    torch.set_num_threads(job["threads"])
    set_seed(job["seed"])
    tokenizer = AutoTokenizer.from_pretrained(job["base"])
    model = AutoModelForCausalLM.from_pretrained(job["base"], dtype=torch.float32)
    lora = LoraConfig(r=job["lora"]["r"], lora_alpha=job["lora"]["alpha"], target_modules="all-linear")

    def encoded(line: str) -> dict:
        found = tokenizer.apply_chat_template(
            json.loads(line)["messages"], tokenize=True, return_dict=True, return_assistant_tokens_mask=True
        )
        labels = [i if m else -100 for i, m in zip(found["input_ids"], found["assistant_masks"], strict=True)]
        return {"input_ids": found["input_ids"], "labels": labels}

    def padded(rows: list) -> dict:
        longest = max(len(row["input_ids"]) for row in rows)
        fill = {"input_ids": tokenizer.pad_token_id, "labels": -100}
        batch = {
            name: torch.tensor([row[name] + [filler] * (longest - len(row[name])) for row in rows])
            for name, filler in fill.items()
        }
        sizes = [len(row["input_ids"]) for row in rows]
        return batch | {"attention_mask": torch.tensor([[1] * n + [0] * (longest - n) for n in sizes])}

    clock = Clock()
    arguments = TrainingArguments(
        output_dir=str(folder / "out"),
        seed=job["seed"],
        num_train_epochs=job["epochs"],
        learning_rate=job["learning_rate"],
        per_device_train_batch_size=job["batch_size"],
        lr_scheduler_type="cosine",
        warmup_steps=5,
        logging_steps=5,
        save_steps=job["save_steps"],
        save_total_limit=2,
        report_to="none",
        disable_tqdm=True,
        use_cpu=True,
        remove_unused_columns=False,
        include_num_input_tokens_seen="non_padding",
    )
    rows = [encoded(line) for line in Path(job["train"]).read_text().splitlines()]
    trainer = Trainer(
        model=get_peft_model(model, lora), args=arguments, data_collator=padded, train_dataset=rows, callbacks=[clock]
    )
    trainer.train()
    trainer.model.save_pretrained(folder / "adapter")
    lines = Path("/proc/self/status").read_text().splitlines() if Path("/proc/self/status").exists() else []
    peak = next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), 0)
    facts = {"first_step": clock.first, "tokens_per_s": clock.tokens / clock.seconds, "peak_bytes": peak}
    print("facts " + json.dumps(facts))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""A small Llama in Hugging Face's form as one GGUF file, as somebody would have it in Ollama: `tiny_gguf.py DIR OUT`.

Run by the trainer's Python. For tests alone: it knows no more than the model that they train.
"""

# pyright: reportMissingImports=false

import json
import sys
from pathlib import Path

import gguf
import numpy as np
from safetensors.numpy import load_file


def interleaved(rows: np.ndarray, heads: int) -> np.ndarray:
    """Rows of q and k in the order of llama.cpp."""
    return rows.reshape(heads, 2, rows.shape[0] // heads // 2, -1).swapaxes(1, 2).reshape(rows.shape)


def main(base: Path, out: Path) -> None:
    config = json.loads((base / "config.json").read_text())
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config["num_hidden_layers"])
    writer = gguf.GGUFWriter(out, "llama")
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_rope_dimension_count(config["hidden_size"] // config["num_attention_heads"])
    writer.add_rope_freq_base((config.get("rope_parameters") or config)["rope_theta"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_vocab_size(config["vocab_size"])
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    add_tokenizer(writer, base, config)
    for name, tensor in load_file(base / "model.safetensors").items():
        if name.endswith("q_proj.weight"):
            tensor = interleaved(tensor, config["num_attention_heads"])
        elif name.endswith("k_proj.weight"):
            tensor = interleaved(tensor, config["num_key_value_heads"])
        called = names.get_name(name, try_suffixes=(".weight",))
        assert called
        writer.add_tensor(called, np.ascontiguousarray(tensor))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def add_tokenizer(writer: gguf.GGUFWriter, base: Path, config: dict) -> None:
    tokenizer = json.loads((base / "tokenizer.json").read_text())
    special = {each["id"]: each["content"] for each in tokenizer["added_tokens"]}
    words = {number: word for word, number in tokenizer["model"]["vocab"].items()} | special
    kinds = gguf.TokenType
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list([words[number] for number in range(config["vocab_size"])])
    writer.add_token_types(
        [kinds.CONTROL if number in special else kinds.NORMAL for number in range(config["vocab_size"])]
    )
    writer.add_token_merges(
        [each if isinstance(each, str) else " ".join(each) for each in tokenizer["model"]["merges"]]
    )
    writer.add_eos_token_id(config["eos_token_id"])
    writer.add_pad_token_id(config["pad_token_id"])
    writer.add_add_bos_token(False)
    template = (base / "chat_template.jinja").read_text()
    # The marks are the trainers'; whoever serves models does not know them.
    writer.add_chat_template(template.replace("{% generation %}", "").replace("{% endgeneration %}", ""))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

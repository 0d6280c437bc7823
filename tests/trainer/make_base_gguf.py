"""The tiny base as a GGUF file in float32, as llama.cpp takes it: `make_base_gguf.py MODEL_DIR OUT.gguf`."""

import json
import sys
from pathlib import Path

import gguf
import numpy as np
from safetensors.numpy import load_file

sys.path.insert(0, str(Path(__file__).parents[2] / "trainer"))
from to_gguf import interleaved


def main(model: Path, out: Path) -> None:
    config = json.loads((model / "config.json").read_text(encoding="utf-8"))
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config["num_hidden_layers"])
    writer = gguf.GGUFWriter(out, "llama")
    shape(writer, config)
    words(writer, config, model)
    for name, values in load_file(model / "model.safetensors").items():
        if name.endswith(("q_proj.weight", "k_proj.weight")):
            heads = config["num_attention_heads" if "q_proj" in name else "num_key_value_heads"]
            values = interleaved(values, heads)
        writer.add_tensor(names.get_name(name, try_suffixes=(".weight",)), np.ascontiguousarray(values))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def shape(writer: gguf.GGUFWriter, config: dict) -> None:
    width = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
    writer.add_name("tiny")
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_rope_dimension_count(width)
    writer.add_key_length(width)
    writer.add_value_length(width)
    writer.add_rope_freq_base(config["rope_parameters"]["rope_theta"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_vocab_size(config["vocab_size"])
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)


def words(writer: gguf.GGUFWriter, config: dict, model: Path) -> None:
    tokenizer = json.loads((model / "tokenizer.json").read_text(encoding="utf-8"))
    added = {each["id"]: each["content"] for each in tokenizer["added_tokens"]}
    known = {number: token for token, number in tokenizer["model"]["vocab"].items()} | added
    kinds = gguf.TokenType
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list([known[number] for number in range(config["vocab_size"])])
    writer.add_token_types([kinds.CONTROL if n in added else kinds.NORMAL for n in range(config["vocab_size"])])
    merges = tokenizer["model"]["merges"]
    writer.add_token_merges([each if isinstance(each, str) else " ".join(each) for each in merges])
    writer.add_eos_token_id(config["eos_token_id"])
    writer.add_pad_token_id(config["pad_token_id"])
    writer.add_add_bos_token(False)
    template = (model / "chat_template.jinja").read_text(encoding="utf-8")
    writer.add_chat_template(template.replace("{% generation %}", "").replace("{% endgeneration %}", ""))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

"""A real llama.cpp server with a model of random weights: it says nothing sensible, but is held to schemas for real.

Run as a program: writes the model to the given path, serves it, and prints the address. Needs `xllamacpp` and `gguf`.
"""

import sys

#: So small that it says a thousand tokens a second on one core.
_WIDTH, _HEADS, _INNER, _LAYERS, _ROOM = 32, 4, 64, 1, 16_384
_TEMPLATE = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}assistant:"


def _tokens() -> list[str]:
    """One token a byte, as GPT-2 writes bytes, one merged token, because there has to be a merge, and the end."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = iter(range(256, 512))
    return [chr(byte if byte in plain else next(others)) for byte in range(256)] + ["th", "<end>"]


def _liking(token: int) -> float:
    """Bytes that are no text alone are avoided: strings of them would be no UTF-8. Quotes are liked: strings end."""
    return 0.5 if token == ord('"') else 0.0 if ord(" ") <= token < 127 else -4.0


def write(path: str) -> None:
    """Write the model."""
    import gguf  # pyright: ignore[reportMissingImports]
    import numpy as np

    tokens = _tokens()
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(_LAYERS)
    writer.add_context_length(_ROOM)
    writer.add_embedding_length(_WIDTH)
    writer.add_feed_forward_length(_INNER)
    writer.add_head_count(_HEADS)
    writer.add_head_count_kv(_HEADS)
    writer.add_rope_dimension_count(_WIDTH // _HEADS)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_vocab_size(len(tokens))
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([gguf.TokenType.NORMAL] * 257 + [gguf.TokenType.CONTROL])
    writer.add_token_merges(["t h"])
    writer.add_eos_token_id(257)
    writer.add_add_bos_token(False)
    writer.add_chat_template(_TEMPLATE)
    random = np.random.default_rng(7)
    shapes = {"token_embd": (len(tokens), _WIDTH), "output": (len(tokens), _WIDTH), "output_norm": (_WIDTH,)}
    for layer in range(_LAYERS):
        block = {
            **dict.fromkeys(("attn_q", "attn_k", "attn_v", "attn_output"), (_WIDTH, _WIDTH)),
            **dict.fromkeys(("attn_norm", "ffn_norm"), (_WIDTH,)),
            **dict.fromkeys(("ffn_gate", "ffn_up"), (_INNER, _WIDTH)),
            "ffn_down": (_WIDTH, _INNER),
        }
        shapes |= {f"blk.{layer}.{name}": shape for name, shape in block.items()}
    for name, shape in shapes.items():
        values = np.ones(shape) if len(shape) == 1 else random.normal(0, 0.02, shape)
        if name == "token_embd":
            values[:, 0] = 1
        elif name == "output":  # the first place is the same for all tokens, so this is a bias
            values[:, 0] = [_liking(token) for token in range(len(tokens))]
        writer.add_tensor(f"{name}.weight", values.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main(path: str) -> None:
    """Serve until standard input ends."""
    import xllamacpp  # pyright: ignore[reportMissingImports]

    write(path)
    params = xllamacpp.CommonParams()
    params.model.path = path
    params.n_ctx = _ROOM
    params.n_parallel = 1
    params.cpuparams.n_threads = 1
    params.warmup = False
    params.verbosity = 0
    params.sampling.seed = 7  # by chance alone, one answer in dozens never ends
    server = xllamacpp.Server(params)
    sys.stdout.write(f"address {server.listening_address}\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1])

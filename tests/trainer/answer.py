"""Answers chats (JSON on standard input, a list of lists of messages) with llama.cpp: `answer.py MODEL [ADAPTER]`."""

import json
import sys

import xllamacpp


def main(model: str, adapter: str | None = None) -> None:
    params = xllamacpp.CommonParams()
    params.model.path = model
    params.n_ctx = 512
    params.n_parallel = 1
    params.cpuparams.n_threads = 1
    params.warmup = False
    params.verbosity = 0
    if adapter:
        params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(adapter, 1.0)]
    server = xllamacpp.Server(params)
    answers = [
        server.handle_chat_completions({"messages": messages, "max_tokens": 12, "temperature": 0.0})
        for messages in json.load(sys.stdin)
    ]
    sys.stdout.write(json.dumps([each["choices"][0]["message"]["content"] for each in answers]) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])

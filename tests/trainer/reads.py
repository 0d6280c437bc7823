"""What llama.cpp itself makes of chats (JSON on standard input, a list of lists of messages), and how its answers end:
`reads.py MODEL [ADAPTER]` prints a list of {"text", "ids", "counted", "answer", "stop_type"}."""

import json
import sys
import urllib.request
from typing import Any

import xllamacpp


def main(model: str, adapter: str | None = None) -> None:
    params = xllamacpp.CommonParams()
    params.model.path = model
    params.n_ctx, params.n_parallel, params.warmup, params.verbosity = 512, 1, False, 0
    params.cpuparams.n_threads = 1
    if adapter:
        params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(adapter, 1.0)]
    server = xllamacpp.Server(params)
    said = [read(server.listening_address, messages) for messages in json.load(sys.stdin)]
    sys.stdout.write(json.dumps(said) + "\n")


def read(address: str, messages: list[dict[str, str]]) -> dict[str, Any]:
    text = post(address, "apply-template", messages=messages)["prompt"]
    ids = post(address, "tokenize", content=text, add_special=True, parse_special=True)["tokens"]
    said = post(address, "completion", prompt=text, n_predict=40, temperature=0, return_tokens=True)
    return {
        "text": text,
        "ids": ids,
        "counted": said["tokens_evaluated"],
        "answer": said["content"],
        "stop_type": said["stop_type"],
    }


def post(address: str, path: str, **body: Any) -> Any:
    request = urllib.request.Request(
        f"{address}/{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:
        return json.loads(answer.read())


if __name__ == "__main__":
    main(*sys.argv[1:])

"""An agent as people have it: the SDK of a provider, traced by OpenTelemetry, without a word of this project.

`python -m tests.api.traced_agent PROVIDER BASE_URL KEY ENDPOINT` asks once, and is answered or refused.
"""

import os
import sys
from contextlib import suppress

from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

SYSTEM, ASKED = "Be short.", "Which colour has the sky?"


def main(provider: str, base_url: str, key: str, endpoint: str) -> None:
    os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] = "gen_ai_latest_experimental"
    os.environ["OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"] = "SPAN_ONLY"
    tracing = TracerProvider(resource=Resource.create({"service.name": "planner"}))
    exporter = OTLPSpanExporter(endpoint=endpoint, compression=Compression.Gzip)
    tracing.add_span_processor(BatchSpanProcessor(exporter))
    with tracing.get_tracer("work").start_as_current_span("plan a post"):
        {"openai": _ask_openai, "anthropic": _ask_anthropic}[provider](tracing, base_url, key)
    tracing.shutdown()


def _ask_openai(tracing: TracerProvider, base_url: str, key: str) -> None:
    import openai
    from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor

    OpenAIInstrumentor().instrument(tracer_provider=tracing)
    client = openai.OpenAI(base_url=base_url, api_key=key, max_retries=0)
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": ASKED}]
    with suppress(openai.APIStatusError):
        client.chat.completions.create(model="tiny-1", messages=messages, max_tokens=50)


def _ask_anthropic(tracing: TracerProvider, base_url: str, key: str) -> None:
    import anthropic
    from opentelemetry.instrumentation.anthropic import AnthropicInstrumentor

    AnthropicInstrumentor().instrument(tracer_provider=tracing)
    client = anthropic.Anthropic(base_url=base_url, api_key=key, max_retries=0)
    messages = [{"role": "user", "content": ASKED}]
    with suppress(anthropic.APIStatusError):
        client.messages.create(model="tiny-1", system=SYSTEM, messages=messages, max_tokens=50)


if __name__ == "__main__":
    main(*sys.argv[1:])

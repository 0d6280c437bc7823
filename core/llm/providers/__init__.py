"""One file a provider, each with `ask(question, access, timeout_s) -> Reply`. SDKs are imported where they are used."""

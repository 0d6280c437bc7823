"""One file a provider, each with `ask(request, access, timeout_s) -> Reply`. SDKs are imported where they are used."""

"""One file a provider, each a `core.tuning.protocol.Provider`."""

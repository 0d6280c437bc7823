"""The agents that this program has: who does which commands."""

from core.commands.handlers import Registry


def agents_registry() -> Registry:
    """The handler of each agent, by its name. Other agents are outside ones: they claim their commands themselves."""
    return {}

"""Who does which commands: the orchestrator's own, and those of the agents in the box."""

from core.commands.handlers import Registry, by_action
from core.orchestrator import closing, planning
from core.orchestrator.agents import ACTIONS
from core.orchestrator.executions import ORCHESTRATOR
from core.orchestrator.performing import handler


def registry() -> Registry:
    """The handler of every agent that this program can be."""
    own = by_action(ORCHESTRATOR, {"plan": planning.plan, "score": closing.score, "close": closing.close})
    return {ORCHESTRATOR: own, **{agent: handler(agent) for agent in ACTIONS}}

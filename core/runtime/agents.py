"""Who does which commands: the orchestrator's own, those of the agents in the box, and those of fine-tuning."""

from core.commands.handlers import Registry, by_action
from core.orchestrator import planning, scoring_commands
from core.orchestrator.agent_commands import handler
from core.orchestrator.agents import ACTIONS
from core.orchestrator.executions import ORCHESTRATOR
from core.patterns import running as patterns
from core.tuning import commands as tuning


def registry() -> Registry:
    """Return the handler of every agent that this program can be."""
    own = by_action(
        ORCHESTRATOR, {"plan": planning.plan, "score": scoring_commands.score, "close": scoring_commands.close}
    )
    return {
        ORCHESTRATOR: own,
        **tuning.registry(),
        **patterns.registry(),
        **{agent: handler(agent) for agent in ACTIONS},
    }

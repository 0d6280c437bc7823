"""The agents in the box: what each can do, with which payload. They need no model, and write better with one."""

from core.orchestrator.agents import compliance, content, financial, market_insight
from core.orchestrator.agents.tasks import Action
from core.orchestrator.plans import Shape

_AGENTS = {"content": content, "financial": financial, "market_insight": market_insight, "compliance": compliance}

#: What there is: agent, then action; published in docs/orchestrator.md.
SHAPE: Shape = {name: agent.SHAPE for name, agent in _AGENTS.items()}
#: What does it.
ACTIONS: dict[str, dict[str, Action]] = {name: agent.ACTIONS for name, agent in _AGENTS.items()}

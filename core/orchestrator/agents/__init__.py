"""The agents in the box: what each can do, with which payload. They need no model, and write better with one."""

from core.orchestrator.agents import compliance, content, financial, market_insight
from core.orchestrator.agents.tasks import Action
from core.orchestrator.plans import Shape

#: What there is: agent, then action; published in docs/orchestrator.md.
SHAPE: Shape = {
    "content": content.SHAPE,
    "financial": financial.SHAPE,
    "market_insight": market_insight.SHAPE,
    "compliance": compliance.SHAPE,
}
#: What does it.
ACTIONS: dict[str, dict[str, Action]] = {
    "content": content.ACTIONS,
    "financial": financial.ACTIONS,
    "market_insight": market_insight.ACTIONS,
    "compliance": compliance.ACTIONS,
}

"""Which model the orchestrator works with.

deploy, undeploy, rollback        with who and why
current, before, history          a `Deployment` as it is and was; what a roll back would bring `Before`
concern, concern_in               what speaks against deploying a model, from its evaluations

`in_use` and `preferences` are what a workspace is set to, where the deployment and the planner's model are one truth;
`lineage` follows a model from its examples to its deployments.
"""

from core.deployments.store import (
    LEAST_WORDS,
    Before,
    Deployment,
    before,
    concern,
    concern_in,
    current,
    deploy,
    history,
    rollback,
    undeploy,
)

__all__ = [
    "LEAST_WORDS",
    "Before",
    "Deployment",
    "before",
    "concern",
    "concern_in",
    "current",
    "deploy",
    "history",
    "rollback",
    "undeploy",
]

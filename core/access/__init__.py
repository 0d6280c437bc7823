"""Who may do what: roles, the tokens that carry one, and who may approve."""

from core.access.roles import ROLES, Role, refuse_same_person, suffices
from core.access.tokens import IssuedToken, Token, create, identify, revoke, tokens

__all__ = [
    "ROLES",
    "IssuedToken",
    "Role",
    "Token",
    "create",
    "identify",
    "refuse_same_person",
    "revoke",
    "suffices",
    "tokens",
]

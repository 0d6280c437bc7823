"""US dollars in words."""

from decimal import Decimal


def dollars(usd: Decimal) -> str:
    """`$1,234.50`; what is less than a cent, with the digits that it has."""
    return f"${usd:,.2f}" if usd == 0 or usd >= Decimal("0.01") else f"${usd:.6f}".rstrip("0")

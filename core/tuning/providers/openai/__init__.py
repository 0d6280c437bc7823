"""OpenAI, and services that speak its protocol: supervised training and preference pairs over its SDK."""

"""Gemini on Google Cloud: tuning jobs of google-genai, files in Cloud Storage, endpoints that serve."""

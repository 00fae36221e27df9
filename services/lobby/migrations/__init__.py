"""The lobby's tables, step by step."""

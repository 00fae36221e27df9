"""The invitation service's tables, step by step."""

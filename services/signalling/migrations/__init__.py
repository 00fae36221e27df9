"""The schema of signalling, step by step."""

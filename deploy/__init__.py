"""How the suite is run: images, compose, Kubernetes, and what watches it. See docs/operations.md."""

"""Settings: what an operator can change, and how each is written."""

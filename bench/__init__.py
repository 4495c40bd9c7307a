"""Measures the sidecar beside its peers; `make bench` runs all of it."""

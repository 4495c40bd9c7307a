"""Packs, worlds and requests by chance, written as texts that a person could have written."""

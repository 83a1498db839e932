"""Thin adapters to other packages; each is loaded only where that package is in use."""

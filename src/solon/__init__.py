"""Solon."""

"""Texts that everybody sees at once, each the same for all; who comes back has the latest."""

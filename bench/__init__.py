"""Measures the baked project beside its peers on one machine (`python -m bench --help`)."""

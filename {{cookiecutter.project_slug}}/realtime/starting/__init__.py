"""Apps that `manage.py startrealtime` copies: each works as it stands, and has its tests."""

"""Lists that people watch together, and that lose nothing: see docs/feeds.md."""

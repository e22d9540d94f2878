"""A feed that only the tests have: the example of docs/feeds.md."""

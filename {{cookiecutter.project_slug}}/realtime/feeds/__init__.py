"""Feeds: durable lists whose changes are numbered, resumed and repaired, so that nobody misses one.

    models.py    `Feed` and `FeedItem`, the abstract models
    changes.py   `changing`, the one way to change a feed
    reading.py   pages of items, and what has changed since a revision
    consumer.py  `FeedConsumer`: welcome, resume, changes, reset
    outlets.py   `Outlet`, which carries a feed's changes to somewhere else

docs/feeds.md shows a feed from the model to the page.
"""

"""What operators of the site need: health, metrics, logs, checks before it starts."""

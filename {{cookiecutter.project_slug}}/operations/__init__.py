"""What those who run the site need: health, metrics, logs, a look before it starts."""

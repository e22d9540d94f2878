"""MQTT: devices' messages into feeds, and a feed's changes out to devices."""

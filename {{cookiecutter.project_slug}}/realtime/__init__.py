"""The real-time engine: frames, sockets, topics and the consumers that stand on them."""

"""What clients may send and will hear, from the consumers' own types: see docs/clients.md."""

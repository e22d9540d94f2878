"""What a person should hear about, wherever they are."""

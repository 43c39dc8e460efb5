"""Stream: readings as a program writes them, line by line."""

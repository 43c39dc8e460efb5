"""Commands: the words of each command; what a command does is imported when it is called."""

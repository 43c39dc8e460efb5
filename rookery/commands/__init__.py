"""Commands: the options of each command; its code is imported when it is called."""

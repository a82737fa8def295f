"""One function per figure of a paper; never simulates while drawing."""

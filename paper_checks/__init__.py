"""Claims as data, the rules that decide them, and the report."""

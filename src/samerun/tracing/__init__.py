"""What a run did, step by step: recorded into one file while it runs, and read from it at any time."""

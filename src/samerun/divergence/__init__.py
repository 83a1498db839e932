"""Where two traced runs first differ, and why."""

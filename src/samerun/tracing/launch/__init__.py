"""Running a command so that every Python process it starts records itself."""

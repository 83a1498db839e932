"""What happens inside the processes of a script that is tried out; one module for each way to disturb it.

Nothing here is imported before the script asks for it, torch least of all.
"""

"""The 20-epoch experiment on real data: what resuming needs to be exact, shown in fresh processes."""

"""The scripts with a fault each are run by tests, and not collected."""

collect_ignore_glob = ["*/*.py"]

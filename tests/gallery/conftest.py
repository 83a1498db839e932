"""The scripts of the gallery are run by its tests, and not collected."""

collect_ignore_glob = ["*/*.py", "*/*/*.py"]

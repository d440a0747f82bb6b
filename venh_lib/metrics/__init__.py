"""Quality metrics, one file per family."""

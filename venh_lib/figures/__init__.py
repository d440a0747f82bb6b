"""Every plot of the course, one module per subject; ``style`` holds what they share."""

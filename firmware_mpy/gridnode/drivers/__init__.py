"""One chip or one source of samples per file."""

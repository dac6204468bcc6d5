"""Ways for frames to leave and reach the node; no policy."""

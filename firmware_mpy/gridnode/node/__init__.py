"""The life of a node: what it holds back for the host, what it reports, and the loop that ties it together."""

"""A microworld on the node: its bytecode, and what binds it to what the node measures and switches."""

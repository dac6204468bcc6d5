"""Microworlds: a specification becomes verified bytes that run on the Pi and on the node. Pure, but for runtime.

specification -> program (one typed expression tree) -> reference, wasm, bytecode, SMT; the verifier reads the bytes.
"""

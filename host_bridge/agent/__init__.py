"""What decides in the house's stead: microworlds, installed and running in the bridge.

A world asks as everybody does: its outputs go through dispatch as leases, and the node's own protection, plan and safe
state have the last word. Where it cannot run it asks for nothing.
"""

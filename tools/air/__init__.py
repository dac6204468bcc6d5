"""A LoRa channel to test on: simulated, in virtual time, seeded; the node's own program and the bridge join it."""

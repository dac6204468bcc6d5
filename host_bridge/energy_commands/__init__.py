"""`gridnexus energy ...`: what the energy agent does and why, accounts, and what people prefer."""

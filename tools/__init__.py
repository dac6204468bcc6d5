"""What contributors run; nothing that the product itself imports."""

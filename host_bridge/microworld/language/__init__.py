"""The language of rules: text to a typed tree with checked units, folded, and back to text."""

"""Building on an adapter: whether it fits, and stacking or merging."""

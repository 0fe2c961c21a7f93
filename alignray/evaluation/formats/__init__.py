"""Files of others: one format per file, read into plain rows and written back."""

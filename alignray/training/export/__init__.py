"""`alignray export`: checkpoints of trainers -> model folders."""

"""`alignray score`: one file per metric, from files to scores; no model, no Ray."""

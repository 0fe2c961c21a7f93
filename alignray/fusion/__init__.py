"""LoRA adapters as files: their algebra, and whether they fit a base. No model is loaded."""

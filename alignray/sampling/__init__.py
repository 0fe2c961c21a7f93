"""Sampling: N responses of a model to each of K prompts."""

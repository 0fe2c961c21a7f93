"""Training under Ray Train with DeepSpeed: sft.py and dpo.py say what, on_ray.py launches."""

"""Evaluation: rates with intervals, from generated and judged answers."""

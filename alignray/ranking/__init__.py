"""Ranking: verdicts of a judge on sampled responses, and preference pairs out of them."""

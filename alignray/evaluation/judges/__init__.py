"""Judges beside the grading one: a row task per kind."""

"""Metrics as pure functions: one family per file, plain values in, `Score`s out."""

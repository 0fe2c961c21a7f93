"""Inference: engines, the row ledger, and the actor stage that brings rows and engines together."""

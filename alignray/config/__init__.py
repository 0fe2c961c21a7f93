"""Configuration: one frozen pydantic class per stage, the only place where defaults exist."""

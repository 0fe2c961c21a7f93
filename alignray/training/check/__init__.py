"""`alignray data check`: what a row becomes."""

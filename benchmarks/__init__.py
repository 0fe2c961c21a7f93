"""One file per claim in docs/benchmarks.md; each prints a table and writes JSON."""

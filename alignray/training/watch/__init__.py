"""What happens beside the steps: checkpoints, progress, samples, reporters, the watchdog."""

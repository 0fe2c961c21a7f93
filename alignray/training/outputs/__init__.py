"""What a training leaves: card, template stamp, record, the copy on the hub."""

"""From rows of a data set to what a trainer takes, in which order."""

"""Recipes at work: plan, run and status of a run directory, and the running of one stage.

DIR/recipe.json          the recipe as it was last run, all values in place
DIR/<stage>/             a stage's own directory (see alignray.artifacts)
DIR/.superseded/         stages of other settings, moved aside and never written over
DIR/logs/                tracebacks
DIR/record.json          written last: what ran, when, with which counts
DIR/report.json, .html   the numbers and the page
"""

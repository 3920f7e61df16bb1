"""Models that a team judges, tries and ships: versions of checkpoints, with what they scored."""

"""The language in which people and scripts say which runs they want.

    state = running and config.learning_rate < 3e-4 and last(val/loss) < 3

A text is parsed into a tree (`parser`, `tree`), and the tree becomes conditions of one query
(`conditions`); nothing is evaluated. It stands here because it asks about runs and their metrics,
and both the pages and the public API speak it.
"""

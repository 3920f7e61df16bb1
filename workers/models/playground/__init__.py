"""Lets people talk to one version of a model: a process of its own that holds it in memory.

`python -m workers.models.playground <folder>` reads `job.json` there, connects to the hub as a
client, and writes answers, token by token, until nobody has asked for a while.
"""

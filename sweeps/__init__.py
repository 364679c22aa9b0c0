"""Measurements that take minutes: scripts with stored results, which the chapters load."""

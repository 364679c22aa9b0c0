"""Exercises that can be assigned: from one source per set to notebooks, pages, marks and feedback.

Read it in this order: `sets` (a source and its rules), `variants` (its constants), `notebooks`
and `pages` (what is made of it), `assignments` (what students get), `collect` (what comes back),
`worker` and `sandbox` (running it), `marking` (points), `results` and `exports` (what goes out),
`try_out` (what a set must keep).
"""

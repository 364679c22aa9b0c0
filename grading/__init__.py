"""Exercises that can be assigned: from one source per set to notebooks, pages, marks and feedback.

Read it in this order. On the shelf `authoring`: `sets` (a source), `variants` (its constants),
`rules` (what it must hold), `notebooks` and `pages` (what is made of it), `try_out` (does it keep
its rules), `assignments` (what students and platforms get). On `collecting`:
`collect` (what comes back), `results` (tables and feedback), `exports` (a platform's table). On
`marking`: `worker` and `sandbox` (running it), `marking` (points).
"""

"""Exercises that can be assigned: from one source per set to notebooks, pages, marks and feedback.

Read it in this order. On the shelf `authoring`: `sets` (a source and its rules), `variants` (its
constants), `notebooks` and `pages` (what is made of it), `try_out` (does it keep its rules),
`assignments` (what students get). On `collecting`: `collect` (what comes back:
`files` under limits, `owners` by name, `answers` in a notebook), `results` (tables and feedback),
`exports` (a platform's table). On `marking`: `worker` and `sandbox` (running it),
`marking` (points).
"""

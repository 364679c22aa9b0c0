"""Exercises that can be assigned: from one source per set to notebooks, pages, marks and feedback.

Read it in this order. On the shelf `authoring`: `sets` (a source), `variants` (its constants),
`rules` (what it must hold), `notebooks` and `pages` (what is made of it), `try_out` (does it keep
its rules), `assignments` (what students and other graders get). On `marking`: `sandbox` (where
answers run), `worker` (runs them), `door` (how a check reaches them), `marking` (points). On
`collecting`: `text` and `tables` (made harmless), `files`, `owners`, `answers`, `collect` (what
comes back), `batch` (marks everybody), `people` and `project` (who is who, and a person's marks),
`results` (tables and feedback), `exports` (a platform's table), `one` (a single notebook).
"""

"""What the course measures with: none of it is needed to train a model.

`landscapes` (surfaces to look at), `theory` (what a quadratic promises), `noise` (how far off a
batch is), `curvature` (how a loss bends), `targets` (steps to a loss), `orders` (what the order
of the rows does), `escapes` (where runs end on rugged surfaces), `statistics` (how sure one can
be).
"""

"""What the course shows with: figures, quoted numbers, a model for a web page.

`plots` draws curves, `pictures` draws maps, tables of colours and images, `report` prints the
numbers that sentences quote, `portable` writes a trained model as a file that a web page reads.
"""

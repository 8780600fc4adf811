"""Drawn spine studies to measure a detector on, made apart from those that it is trained on.

Nothing here is shared with the generator of the training pictures: anatomy, rendering and kinds of trouble are drawn
a second time, in three dimensions, so that what a detector finds here it did not learn by heart. They are still
drawings, and say nothing certain of real pictures.
"""

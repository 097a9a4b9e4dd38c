"""Every algorithm of one lecture on training deep neural networks, on CPU and GPU.

The rooms follow the lecture's four questions: which direction, which step size, where to start,
when to stop. Import from a room: ``from course_lib.methods import SGD``.
"""

__version__ = "0.1.0"

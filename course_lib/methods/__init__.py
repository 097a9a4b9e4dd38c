"""Methods: which direction to go, and how far. Each one is a ``torch.optim.Optimizer``.

A method is a few lines in the lecture's letters, its :meth:`~course_lib.methods.Method.update`;
the base class :class:`~course_lib.methods.Method` makes an optimizer of them.
"""

from course_lib.methods.base import Method
from course_lib.methods.sgd import SGD

__all__ = ["SGD", "Method"]

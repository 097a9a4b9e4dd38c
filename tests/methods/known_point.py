"""A point for directions that ask for no function."""


class KnownPoint:
    """A point whose gradient is given."""

    def __init__(self, x, gradient):
        self.x, self.gradient, self.size = x, gradient, x.numel()

    def slope(self, d):
        return float(self.gradient @ d)

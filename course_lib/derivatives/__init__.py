"""Derivatives of a function, how to compute them, and what they say about a point."""

from course_lib.derivatives.critical_points import CriticalPoint, critical_point

__all__ = ["CriticalPoint", "critical_point"]

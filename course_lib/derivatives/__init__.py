"""Derivatives of a function, how to compute them, and what they say about a point."""

from course_lib.derivatives.critical_point_search import CriticalPointSearch, find_critical_points
from course_lib.derivatives.critical_points import CriticalPoint, critical_point
from course_lib.derivatives.elementary import Elementary
from course_lib.derivatives.finite_differences import (
    best_step,
    central_difference,
    complex_step,
    forward_difference,
)
from course_lib.derivatives.forward_mode import Dual, jacobian_by_columns, jvp
from course_lib.derivatives.hessian_operator import HessianOperator
from course_lib.derivatives.reverse_mode import (
    Tape,
    Variable,
    gradient,
    jacobian_by_rows,
    value_and_gradient,
    vjp,
)
from course_lib.derivatives.second_derivatives import hessian, hessian_vector_product
from course_lib.derivatives.symbolic import Formula
from course_lib.derivatives.traced import Path
from course_lib.operation_count import OperationCount, count_operations

__all__ = [
    "CriticalPoint",
    "CriticalPointSearch",
    "Dual",
    "Elementary",
    "Formula",
    "HessianOperator",
    "OperationCount",
    "Path",
    "Tape",
    "Variable",
    "best_step",
    "central_difference",
    "complex_step",
    "count_operations",
    "critical_point",
    "find_critical_points",
    "forward_difference",
    "gradient",
    "hessian",
    "hessian_vector_product",
    "jacobian_by_columns",
    "jacobian_by_rows",
    "jvp",
    "value_and_gradient",
    "vjp",
]

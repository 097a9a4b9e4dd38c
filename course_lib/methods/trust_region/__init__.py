"""Trust-region methods, and the three solvers of their inner problem.

:class:`TrustRegion` is the method. Its solvers are functions of a gradient, a Hessian (or products
with it) and a radius: :func:`exact_step`, :func:`dogleg_step`, :func:`steihaug_cg_step`.
"""

from course_lib.methods.trust_region.dogleg import dogleg_step
from course_lib.methods.trust_region.exact import exact_step
from course_lib.methods.trust_region.method import TrustRegion
from course_lib.methods.trust_region.steihaug import steihaug_cg_step
from course_lib.methods.trust_region.subproblem import TrustRegionStep

__all__ = [
    "TrustRegion",
    "TrustRegionStep",
    "dogleg_step",
    "exact_step",
    "steihaug_cg_step",
]

"""The loops that put the four answers together: direction, step size, start, stop.

``minimize`` runs a method on a function of a vector, ``fit`` trains a net on data.
"""

from course_lib.training.batches import BatchesWithReplacement, FullBatch, ShuffledBatches
from course_lib.training.closure import BatchClosure
from course_lib.training.curve_figures import CurveFigures
from course_lib.training.data import Data, MappedData, TensorData, as_data
from course_lib.training.diagnosis import CASES, Diagnosis, diagnose
from course_lib.training.evaluation import accuracy, evaluating, mean_loss
from course_lib.training.fitting import fit
from course_lib.training.flow_verdict import FlowVerdict
from course_lib.training.function_closure import FunctionClosure
from course_lib.training.gradient_flow import FlowProfile, GradientFlow
from course_lib.training.history import History
from course_lib.training.memory import PeakMemory, resident_memory
from course_lib.training.minimizing import Trajectory, minimize
from course_lib.training.nonfinite import NonFiniteLossError
from course_lib.training.range_test import RangeTest, lr_range_test

__all__ = [
    "CASES",
    "BatchClosure",
    "BatchesWithReplacement",
    "CurveFigures",
    "Data",
    "Diagnosis",
    "FlowProfile",
    "FlowVerdict",
    "FullBatch",
    "FunctionClosure",
    "GradientFlow",
    "History",
    "MappedData",
    "NonFiniteLossError",
    "PeakMemory",
    "RangeTest",
    "ShuffledBatches",
    "TensorData",
    "Trajectory",
    "accuracy",
    "as_data",
    "diagnose",
    "evaluating",
    "fit",
    "lr_range_test",
    "mean_loss",
    "minimize",
    "resident_memory",
]

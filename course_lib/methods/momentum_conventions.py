"""The lecture's momentum in torch's convention, and the other way round."""

from __future__ import annotations

from torch import Tensor

from course_lib.arguments import check_number

__all__ = [
    "beta_from_momentum",
    "buffer_from_last_step",
    "last_step_from_buffer",
    "momentum_from_beta",
]


def beta_from_momentum(momentum: float, lr: float, previous_lr: float) -> float:
    r"""Return the lecture's :math:`\beta_k` that takes the step of torch's momentum.

    .. math:: \beta_k = \mu_k\, \frac{\gamma_k}{\gamma_{k-1}}

    torch keeps :math:`b_k = \mu_k b_{k-1} + g_k` and goes :math:`x_{k+1} = x_k - \gamma_k b_k`.
    Its last step was :math:`x_k - x_{k-1} = -\gamma_{k-1} b_{k-1}`. Put in, this is
    :math:`x_{k+1} = x_k - \gamma_k g_k + \mu_k \frac{\gamma_k}{\gamma_{k-1}} (x_k - x_{k-1})`.
    So :class:`HeavyBall` with ``lr`` :math:`\gamma_k` and this ``beta`` takes the same steps as
    :class:`SGD` with ``momentum`` :math:`\mu_k`, whatever the schedule, as long as the momentum is
    not 0: with 0, torch's buffer stays as it is, and is out of date when momentum comes back.

    Args:
        momentum: :math:`\mu_k`, a finite number of at least 0.
        lr: :math:`\gamma_k`, the learning rate of this step, a finite number of at least 0.
        previous_lr: :math:`\gamma_{k-1}`, that of the step before, a finite number above 0. In the
            first step nothing is remembered yet: give ``lr``, or any other.

    Returns:
        :math:`\beta_k`. It is above 1 where the learning rate jumps up far enough.

    Raises:
        TypeError, ValueError: an argument is not as described.

    Example:
        >>> beta_from_momentum(0.75, lr=0.125, previous_lr=0.5)
        0.1875

    Source: slide 26, "their convention slightly differs".
    """
    momentum = check_number("momentum", momentum, low=0)
    lr = check_number("lr", lr, low=0)
    return momentum * lr / check_number("previous_lr", previous_lr, above=0)


def momentum_from_beta(beta: float, lr: float, previous_lr: float) -> float:
    r"""Return torch's :math:`\mu_k` that takes the step of the lecture's momentum.

    .. math:: \mu_k = \beta_k\, \frac{\gamma_{k-1}}{\gamma_k}

    Args:
        beta: :math:`\beta_k`, a finite number of at least 0.
        lr: :math:`\gamma_k`, the learning rate of this step, a finite number above 0.
        previous_lr: :math:`\gamma_{k-1}`, that of the step before, a finite number of at least 0.

    Returns:
        :math:`\mu_k`. It is above 1 where the learning rate falls far enough, for this one step.

    Raises:
        TypeError, ValueError: an argument is not as described.

    Example:
        >>> momentum_from_beta(0.9, lr=0.01, previous_lr=0.1)
        9.0

    Source: slide 26; the inverse of :func:`beta_from_momentum`.
    """
    beta = check_number("beta", beta, low=0)
    previous_lr = check_number("previous_lr", previous_lr, low=0)
    return beta * previous_lr / check_number("lr", lr, above=0)


def last_step_from_buffer(buffer: Tensor, lr: float) -> Tensor:
    r"""Return the lecture's last step :math:`x_k - x_{k-1} = -\gamma_{k-1} b_{k-1}`.

    With it a run of :class:`SGD` is continued by :class:`HeavyBall`: write it into
    ``state[p]["last_step"]``.

    Args:
        buffer: :math:`b_{k-1}`, torch's ``state[p]["momentum_buffer"]``.
        lr: :math:`\gamma_{k-1}`, the learning rate of the last step that was taken, above 0.

    Raises:
        TypeError, ValueError: an argument is not as described.

    Example:
        >>> import torch
        >>> last_step_from_buffer(torch.tensor([2.0]), lr=0.5)
        tensor([-1.])
    """
    buffer = _check_tensor("buffer", buffer)
    return -check_number("lr", lr, above=0) * buffer


def buffer_from_last_step(last_step: Tensor, lr: float) -> Tensor:
    r"""Return torch's buffer :math:`b_{k-1} = -(x_k - x_{k-1}) / \gamma_{k-1}`.

    With it a run of :class:`HeavyBall` is continued by :class:`SGD`: write it into
    ``state[p]["momentum_buffer"]``.

    Args:
        last_step: :math:`x_k - x_{k-1}`, the ``state[p]["last_step"]`` of :class:`HeavyBall`.
        lr: :math:`\gamma_{k-1}`, the learning rate of the last step that was taken, above 0.

    Raises:
        TypeError, ValueError: an argument is not as described.

    Example:
        >>> import torch
        >>> buffer_from_last_step(torch.tensor([-1.0]), lr=0.5)
        tensor([2.])
    """
    last_step = _check_tensor("last_step", last_step)
    return -last_step / check_number("lr", lr, above=0)


def _check_tensor(name: str, value: Tensor) -> Tensor:
    if not isinstance(value, Tensor):
        raise TypeError(f"{name} must be a tensor, got {value!r}")
    return value

"""A description says what the data say, in 250 characters, and changes with them."""

import numpy as np
import pytest

from course_lib.plotting import description as description_module
from course_lib.plotting import figure, show
from course_lib.plotting.artists import read_panels
from course_lib.plotting.description import LONGEST, describe

K = np.arange(101)


def described(draw, message="Look."):
    with figure() as (fig, ax):
        draw(ax)
    return describe(message, read_panels(fig))


def test_the_message_comes_first_then_each_named_curve():
    def draw(ax):
        ax.semilogy(K, 0.9**K, label="GD")
        ax.semilogy(K, np.full(101, 0.25), label="SGD")
        ax.set(xlabel="step", ylabel=r"$F(x_k) - F^\star$")

    assert described(draw, "GD wins.") == (
        "GD wins. F(x_k) - F^star over step 0 to 100: GD from 1 to 2.7e-5; SGD stays 0.25."
    )


def test_a_low_between_the_ends_is_told():
    assert "from 1 to 1, lowest -1" in described(lambda ax: ax.plot(K, np.cos(K * np.pi / 50)))


def test_a_path_in_the_plane_is_told_by_its_ends():
    text = described(lambda ax: ax.plot([3, 1, 2], [0, 5, 4]))
    assert "from (3, 0) to (2, 4)" in text


def test_a_curve_that_leaves_the_numbers_says_so():
    assert "then not finite" in described(lambda ax: ax.plot([0, 1, 2], [1, 2, np.inf]))


def test_a_residue_of_round_off_is_not_told_as_a_number():
    assert described(lambda ax: ax.plot([0, 1], [1, 1e-17])).endswith("from 1 to 0.")
    assert described(lambda ax: ax.semilogy([0, 1], [1, 1e-17])).endswith("from 1 to below 1e-12.")


@pytest.mark.parametrize("curves", [1, 4, 12, 60])
@pytest.mark.parametrize("panels", [1, 4])
def test_any_number_of_curves_fits_and_is_heard(curves, panels):
    def draw(shift):
        with figure(panels, 1) as (fig, axes):
            for ax in np.ravel(axes):
                for i in range(curves):
                    ax.plot(K, 0.9 ** (K / (i + 1)) + shift, label=f"a curve, number {i}")
                ax.set(title="a title of a panel", xlabel="epoch")
        message = "A message of an ordinary length, as a figure of the course has it."
        return describe(message, read_panels(fig))

    assert len(draw(0)) <= LONGEST
    assert draw(0) != draw(0.5)


def test_nameless_curves_are_told_together():
    def draw(ax):
        for i in range(20):
            ax.plot(K, i + K / 100)

    assert "20 lines from 0 to 19 to 1 to 20" in described(draw)


def test_a_figure_without_data_is_refused():
    for draw in (lambda ax: ax.text(0, 0, "42"), lambda ax: ax.plot([], [])):
        with pytest.raises(ValueError, match="no data"):
            described(draw)


def test_a_message_that_leaves_no_room_for_data_is_refused():
    with figure() as (fig, ax):
        ax.plot(K, K)
        ax.set(xlabel="x" * 200)
    with pytest.raises(ValueError, match="leave room"):
        show(fig, "A message. " * 8)


def test_a_description_that_does_not_change_with_its_data_is_refused(monkeypatch):
    monkeypatch.setattr(
        description_module, "tell_group", lambda members: f"{len(members)} curves, as ever"
    )
    with figure() as (fig, ax):
        for i in range(5):
            ax.plot(K, i * K)
    with pytest.raises(ValueError, match="does not change with the y of the lines in panel 1"):
        show(fig, "Look.")


def test_a_description_deaf_to_one_panel_is_refused(monkeypatch):
    tell = description_module.tell_group
    monkeypatch.setattr(description_module, "tell_group", lambda members: tell(members[:1]))
    with figure(2, 1) as (fig, axes):
        for ax in axes:
            for i in range(3):
                ax.plot(K, i * K)
            ax.set(title="t" * 60, xlabel="x" * 60)
    with pytest.raises(ValueError, match="does not change"):
        describe("Look.", read_panels(fig))

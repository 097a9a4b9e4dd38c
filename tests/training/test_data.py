import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from course_lib.training import MappedData, PeakMemory, TensorData, as_data, resident_memory


@pytest.fixture
def files(tmp_path):
    x = np.arange(60, dtype=np.float32).reshape(20, 3)
    y = (np.arange(20) % 4).astype(np.uint8)
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", y)
    return x, y, tmp_path


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(st.lists(st.integers(0, 19)), st.integers(1, 4))
def test_mapped_batches_equal_those_in_memory(files, indices, rows_at_a_time):
    x, y, folder = files
    indices = torch.tensor(indices, dtype=torch.int64)
    mapped = MappedData(folder / "x.npy", folder / "y.npy")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("course_lib.training.data._HUGE_PAGE", 0)
        patch.setattr("course_lib.training.data._PIECE", 12 * rows_at_a_time)
        for got, expected in zip(
            mapped.batch(indices), TensorData(x, y).batch(indices), strict=True
        ):
            assert got.dtype == expected.dtype
            assert torch.equal(got, expected)


@pytest.mark.parametrize("part", [slice(0, 20), slice(3, 9), slice(18, 40), slice(1, 20, 3)])
def test_slices_of_mapped_data_equal_those_in_memory(files, part):
    x, y, folder = files
    mapped = MappedData(folder / "x.npy", folder / "y.npy")
    for got, expected in zip(mapped.batch(part), TensorData(x, y).batch(part), strict=True):
        assert torch.equal(got, expected)


def test_a_batch_is_a_copy_and_the_file_stays_as_it_is(files):
    x, _, folder = files
    data = MappedData(folder / "x.npy", folder / "y.npy")
    data.batch(slice(0, 20))[0].zero_()
    data.batch(torch.arange(20))[0].zero_()
    assert np.array_equal(np.load(folder / "x.npy"), x)


def test_changes_in_a_writable_or_private_map_survive_letting_pages_go(files):
    _, y, folder = files
    for mode in ("c", "r+"):  # the second writes to the file
        mapped = np.load(folder / "x.npy", mmap_mode=mode)
        mapped[2] = 7.0
        data = MappedData(mapped, y)
        for _ in range(2):
            assert data.batch(torch.tensor([2]))[0].tolist() == [[7.0, 7.0, 7.0]]


def test_labels_become_int64_and_other_targets_keep_their_type(files):
    x, y, folder = files
    assert MappedData(x, folder / "y.npy").batch(slice(0, 2))[1].dtype == torch.int64
    assert TensorData(x, y).batch(slice(0, 2))[1].dtype == torch.int64
    assert TensorData(x, torch.from_numpy(y)).batch(slice(0, 2))[1].dtype == torch.uint8
    assert MappedData(folder / "x.npy", x).batch(slice(0, 2))[1].dtype == torch.float32


def test_foreign_byte_order_read_only_and_reversed_arrays_are_taken(files):
    x, y, folder = files
    np.save(folder / "big.npy", x.astype(">f4"))
    read_only = x.copy()
    read_only.flags.writeable = False
    for source in (folder / "big.npy", x.astype(">f4"), read_only):
        assert torch.equal(as_data((source, y)).batch(slice(0, 20))[0], torch.from_numpy(x))
    assert torch.equal(as_data((x[::-1], y)).batch(slice(0, 1))[0], torch.from_numpy(x[-1:].copy()))


def test_target_range_leaves_out_the_value_that_is_ignored(files):
    x, y, folder = files
    for data in (TensorData(x, y), MappedData(x, folder / "y.npy")):
        assert data.target_range(without=-100) == (0, 3)
        assert data.target_range(without=3) == (0, 2)


def test_writing_checks_the_number_of_samples(tmp_path):
    def chunks(length):
        for _ in range(2):
            yield np.zeros((3, 2), np.float32), np.zeros(length)

    assert len(MappedData.write(tmp_path, chunks(3), m=6)) == 6
    with pytest.raises(ValueError, match="m must be the number of samples in chunks, 6, got 7"):
        MappedData.write(tmp_path, chunks(3), m=7)
    with pytest.raises(ValueError, match="3 inputs and 2 targets"):
        MappedData.write(tmp_path, chunks(2), m=6)


def broken_off():
    yield np.zeros((2, 3)), np.zeros(2)
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("chunks", "m", "kind", "message"),
    [
        ([(np.zeros((2, 3)), np.zeros(2))], 3, ValueError, "m must be the number of samples"),
        ([(torch.zeros(2, 3), torch.zeros(2))], 2, TypeError, "chunks must hold pairs of arrays"),
        ([([1.0], [2.0])], 1, TypeError, "chunks must hold pairs of arrays"),
        ([], 0, ValueError, "m must be an integer of at least 1, got 0"),
        (broken_off(), 4, KeyboardInterrupt, None),
    ],
)
def test_writing_that_fails_leaves_what_was_there(tmp_path, chunks, m, kind, message):
    MappedData.write(tmp_path, [(np.ones((5, 2)), np.ones(5))], m=5)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(kind, match=message):
        MappedData.write(tmp_path, chunks, m=m)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("indices", [torch.tensor([True, False, False]), torch.zeros(2, 1).long()])
def test_mapped_data_refuse_indices_of_another_kind(indices):
    with pytest.raises(ValueError, match=r"indices must be a slice or an int64 tensor of shape"):
        MappedData(np.ones((3, 2)), np.ones(3)).batch(indices)


def test_writing_refuses_chunks_that_differ(tmp_path):
    chunks = [(np.zeros((2, 3), dtype), np.zeros(2)) for dtype in (np.float32, np.float64)]
    with pytest.raises(ValueError, match="chunks must all have the dtype and row shape"):
        MappedData.write(tmp_path, chunks, m=4)


def test_peak_memory_sees_what_came_and_went():
    with PeakMemory() as memory:
        held = np.ones(8_000_000)
        del held
    assert 50e6 < memory.rise < 100e6


def test_peak_memory_can_sample_where_the_system_keeps_no_peak(monkeypatch):
    monkeypatch.setattr("course_lib.training.memory._start_afresh", lambda: False)
    with PeakMemory() as memory:
        held = np.ones(10_000_000)  # too large for memory that the process has freed before
    assert held.nbytes == 80e6
    assert not memory.exact
    assert 60e6 < memory.rise < 120e6


def test_ps_agrees_with_proc(monkeypatch, tmp_path):
    known = resident_memory()
    monkeypatch.setattr("course_lib.training.memory._STATM", tmp_path / "none")
    assert resident_memory() == pytest.approx(known, rel=0.2)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets mapped pages go at once")
@pytest.mark.parametrize(
    "order",
    [
        "shuffled",
        pytest.param("replacement", marks=pytest.mark.slow),
        pytest.param("consecutive", marks=pytest.mark.slow),
    ],
)
def test_training_on_mapped_data_keeps_memory_bounded(tmp_path, order):
    # A fresh process, so that memory freed by other tests is not used again unseen.
    program = f"""
        import numpy as np, torch
        from course_lib.training import MappedData, PeakMemory, fit
        m, d = 65_536, 1024
        chunk = np.random.default_rng(0).random((4096, d), dtype=np.float32)
        chunks = ((chunk, chunk[:, :1] + i) for i in range(m // 4096))
        data = MappedData.write({str(tmp_path)!r}, chunks, m=m)
        assert data.nbytes > 256e6
        model = torch.nn.Linear(d, 1)
        order = {order!r}
        consecutive = [slice(i, i + 256) for i in range(0, m, 256)]
        options = dict(batches=consecutive) if order == "consecutive" else dict(
            batch_size=256, replacement=order == "replacement")
        method = lambda params: torch.optim.SGD(params, lr=1e-4)
        few = torch.zeros(512, d), torch.zeros(512, 1)  # what a first run allocates for good
        fit(model, few, torch.nn.functional.mse_loss, method, steps=1, batch_size=256)
        with PeakMemory() as memory:
            fit(model, data, torch.nn.functional.mse_loss, method, epochs=1, **options)
        print(memory.rise)
    """
    run = [sys.executable, "-c", textwrap.dedent(program)]
    rise = int(subprocess.run(run, check=True, capture_output=True, text=True).stdout)
    assert rise < 100e6

import numpy as np
import pytest

from hyp.models.data import joined, read_ahead, training_batches

ROWS = np.arange(100, 150)


def test_every_epoch_shows_an_image_at_most_once_and_differs():
    batches = list(training_batches(ROWS, seed=1, batch_size=8, first=0, last=12))
    first, second = np.concatenate(batches[:6]), np.concatenate(batches[6:])
    assert len(set(first)) == len(set(second)) == 48
    assert set(first) <= set(ROWS)
    assert not np.array_equal(first, second)


def test_a_batch_does_not_depend_on_where_the_run_started():
    whole = list(training_batches(ROWS, 1, 8, 0, 20))
    for first in (1, 6, 13):
        rest = list(training_batches(ROWS, 1, 8, first, 20))
        assert np.array_equal(np.stack(rest), np.stack(whole[first:]))


def test_seeds_differ():
    one, other = (next(training_batches(ROWS, seed, 8, 0, 1)) for seed in (0, 1))
    assert not np.array_equal(one, other)


def test_only_images_that_follow_each_other_are_joined():
    rendered = list(training_batches(range(10, 60), 1, 8, 2, 14))
    groups = list(joined(rendered, most=20))
    assert [batch for group in groups for batch in group] == rendered
    spans = [(group[0].start, group[-1].stop) for group in groups]
    assert spans == [(26, 42), (42, 58), (10, 26), (26, 42), (42, 58), (10, 26)]
    later = list(joined(training_batches(range(10, 60), 1, 8, 3, 14), most=20))
    assert later[1:] == groups[1:]
    stored = list(training_batches(ROWS, 1, 8, 0, 4))
    assert [len(group) for group in joined(stored, most=20)] == [1] * 4
    assert [len(group) for group in joined(rendered, most=1)] == [1] * 12


def test_read_ahead_keeps_order_and_passes_errors_on():
    assert list(read_ahead(lambda key: key**2, range(10))) == [key**2 for key in range(10)]
    with pytest.raises(ZeroDivisionError):
        list(read_ahead(lambda key: 1 // (5 - key), range(10)))


def test_read_ahead_reads_no_further_than_its_depth():
    read = []
    values = read_ahead(read.append, range(100), depth=3)
    next(values)
    values.close()
    assert len(read) <= 4

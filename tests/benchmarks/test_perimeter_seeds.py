"""Seeds are given as pairs, and pooled in their order."""

import pytest

from benchmarks.perimeter import seeds_of


def test_pairs_of_seeds_are_pooled() -> None:
    assert seeds_of([200, 203, 600, 602]) == [200, 201, 202, 600, 601]
    assert seeds_of([5, 5]) == []


def test_a_number_that_stands_alone_is_refused() -> None:
    with pytest.raises(ValueError, match="pairs"):
        seeds_of([200, 225, 600])

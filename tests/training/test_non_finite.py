import math

import pytest
import torch

from shelfnet.training.non_finite import FiniteCheck, NonFiniteLossError


def test_late_check_names_first_non_finite_term_and_its_iteration():
    check = FiniteCheck()
    mask, rgb = torch.tensor(1.0), torch.tensor(2.0)
    check.add(6, {"mask": mask, "rgb": rgb})
    check.check()
    rgb.fill_(math.nan)  # as a replayed graph overwrites its results
    check.add(7, {"mask": mask, "rgb": rgb, "r1": torch.tensor(0.5)})
    mask.fill_(math.inf)
    check.add(8, {"mask": mask, "rgb": rgb})
    with pytest.raises(NonFiniteLossError, match="iteration 7: rgb is nan"):
        check.check()


@pytest.mark.parametrize("value", [math.inf, -math.inf])
def test_infinite_term_is_refused(value):
    check = FiniteCheck()
    check.add(1, {"mask": torch.tensor(value)})
    with pytest.raises(NonFiniteLossError, match="iteration 1: mask"):
        check.check()

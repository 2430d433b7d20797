"""Inputs of training: complete, and no more than what should retrain."""

from typing import Any

import pytest
from pydantic import ValidationError

from shelfnet.config.load import merge, validate
from shelfnet.config.stage_inputs import TrainInputs, train_inputs


@pytest.mark.parametrize(
    ("changed", "retrains"),
    [
        ({"train": {"learning_rate": 0.5}}, True),
        ({"model": {"encoder": {"latent_dim": 7}}}, True),
        ({"losses": {"mask": 7.0}}, True),
        ({"render": {"prior": {"elevation_max_deg": 40.0}}}, True),
        ({"reconstruct": {"choose_view": "classifier"}}, True),
        ({"evaluate": {"alignment_steps": 7}}, True),
        ({"reconstruct": {"level": 0.7}}, False),
        ({"reconstruct": {"max_faces": 900}}, False),
        ({"refine": {"iterations": 3}}, False),
        ({"evaluate": {"n_points": 300}}, False),
    ],
)
def test_settings_that_training_reads_retrain(changed: dict[str, Any], retrains: bool):
    assert (train_inputs(validate(changed)) != train_inputs(validate({}))) == retrains


@pytest.mark.parametrize("section", ["clip", "perceptual"])
def test_supervision_without_weight_retrains_nothing(section: str):
    changed = {"clip": {"training": {"iterations": 7}}, "perceptual": {"seed": 7}}[section]
    for weight, retrains in ((0.0, False), (1.0, True)):
        tree = {"losses": {section: weight}}
        before, after = (train_inputs(validate(each)) for each in (tree, merge(tree, {section: changed})))
        assert (before != after) == retrains
        assert (getattr(before, section) is None) == (not retrains)


def test_weighted_loss_without_settings_is_refused():
    complete = train_inputs(validate({"losses": {"clip": 1.0}})).model_dump()
    with pytest.raises(ValidationError, match=r"losses\.clip is 1\.0"):
        TrainInputs.model_validate(complete | {"clip": None})


@pytest.mark.parametrize("missing", TrainInputs.model_fields)
def test_no_gap_is_filled_with_a_default(missing: str):
    complete = train_inputs(validate({"losses": {"clip": 1.0, "perceptual": 1.0}}))
    assert TrainInputs.model_validate_json(complete.model_dump_json()) == complete
    with pytest.raises(ValidationError, match=missing):
        TrainInputs.model_validate(complete.model_dump(exclude={missing}))

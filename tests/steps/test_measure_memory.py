import pandas as pd
import pytest
import torch

from shelfnet.config.networks import DecoderSettings, EncoderSettings, ModelSettings
from shelfnet.steps.measure_memory import SavedBytes, measure_memory

NARROW = ModelSettings(
    encoder=EncoderSettings(latent_dim=8),
    decoder=DecoderSettings(base_channels=8, feature_channels=4, plane_channels=4, plane_hidden=8),
)


def test_a_known_graph_is_counted_to_the_byte():
    layer = torch.nn.Linear(10, 20)
    x = torch.randn(5, 10, requires_grad=True)
    saved = SavedBytes(layer)
    with saved:
        # The linear layer keeps x (5 x 10 floats) and its weight, which is a parameter; exp keeps its own result.
        y = torch.exp(layer(x))
        torch.sin(y)  # keeps y, which exp keeps already
    assert saved.total == 4 * (5 * 10 + 5 * 20)


def test_fields_grow_with_the_cube_and_with_the_square(tmp_path):
    measure_memory(settings=NARROW, output=tmp_path / "memory.csv", resolutions=(8, 16), repeats=1)
    table = pd.read_csv(tmp_path / "memory.csv").set_index(["representation", "resolution"])
    assert [path.name for path in tmp_path.iterdir()] == ["memory.csv"]
    assert table.loc[("voxel", 16), "field_bytes"] == 4 * 16**3 * (1 + 2)
    assert list(table["channels"]) == [2, 2, 4, 4]
    assert table.loc[("triplane", 16), "field_bytes"] == 4 * 3 * 16**2 * 4
    assert (table["saved_bytes"] > table["decode_saved_bytes"]).all()
    assert (table[["decode_seconds", "seconds"]] > 0.0).all(axis=None)
    growth = table.xs(16, level="resolution") / table.xs(8, level="resolution")
    assert growth.loc["voxel", "field_bytes"] == pytest.approx(8.0)
    assert growth.loc["triplane", "field_bytes"] == pytest.approx(4.0)
    assert growth.loc["voxel", "decode_saved_bytes"] > growth.loc["triplane", "decode_saved_bytes"]

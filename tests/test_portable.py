import base64
import json

import numpy as np
import pytest

from mbgd_lib.show.portable import weights_from_json, weights_to_json


def some_weights():
    return np.random.default_rng(0).normal(size=(785, 10)) * np.geomspace(0.01, 1, 10)


def test_what_is_read_is_what_was_written_to_half_a_unit():
    weights = some_weights()
    read, mean, scale = weights_from_json(weights_to_json(weights, mean=33.3, scale=78.5))
    units = np.abs(weights[1:]).max(axis=0) / 127
    assert read.shape == weights.shape
    assert (np.abs(read[1:] - weights[1:]) <= 0.501 * units).all()
    np.testing.assert_allclose(read[0], weights[0], rtol=1e-6)
    assert (mean, scale) == (33.3, 78.5)


def test_the_text_is_short_and_the_same_each_time():
    weights = some_weights()
    text = weights_to_json(weights)
    assert text == weights_to_json(weights.copy(order="F"))
    assert len(text) < 11_500


def test_a_reader_in_another_language_finds_bytes_feature_by_feature():
    model = json.loads(weights_to_json([[1.0, 2.0], [127.0, 0.0], [-127.0, 1.27]]))
    assert model["features"] == 2
    assert model["classes"] == 2
    assert model["intercepts"] == [1.0, 2.0]
    assert model["units"] == [1.0, 0.01]
    assert list(base64.b64decode(model["slopes"])) == [127, 0, 256 - 127, 127]


def test_a_class_without_slopes_is_kept():
    read, _, _ = weights_from_json(weights_to_json([[1.0, 0.0], [0.0, 2.0]]))
    np.testing.assert_allclose(read, [[1.0, 0.0], [0.0, 2.0]])


def test_it_refuses():
    with pytest.raises(ValueError, match=r"weights must have the shape \(d \+ 1, k\)"):
        weights_to_json([[1.0, 2.0]])
    with pytest.raises(ValueError, match="weights must be finite"):
        weights_to_json([[1.0], [np.inf]])
    with pytest.raises(ValueError, match="scale must be a finite number above 0"):
        weights_to_json([[1.0], [1.0]], scale=0)
    with pytest.raises(ValueError, match="mean must be finite"):
        weights_to_json([[1.0], [1.0]], mean=np.nan)

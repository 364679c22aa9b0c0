"""A trained model as a short text that a web page can read."""

import base64
import json

import numpy as np
from numpy.typing import ArrayLike

from mbgd_lib._arguments import finite_array, positive_number
from mbgd_lib.objectives import Array


def weights_to_json(weights: ArrayLike, *, mean: float = 0.0, scale: float = 255.0) -> str:
    r"""Write the weights of softmax regression as JSON, a byte to each slope.

    The slopes of class c are rounded to whole multiples of :math:`\max_j |w_{jc}| / 127`. That
    moves a logit by at most half such a unit for each pixel of full ink, and usually by far
    less, since the errors have either sign. Intercepts are kept in full.

    Parameters
    ----------
    weights : array_like of shape (d + 1, k)
        The intercepts first.
    mean, scale : float
        The model's features are (pixel - mean) / scale.

    Returns
    -------
    str
        An object with ``features`` (d), ``classes`` (k), ``mean``, ``scale``, ``intercepts``,
        ``units`` (one per class) and ``slopes``: base64 of d times k signed bytes, feature by
        feature. The same weights give the same text.

    Examples
    --------
    >>> weights_to_json([[0.5, -0.5], [0.0, 1.27], [2.54, 0.635]])[:58]
    '{"classes":2,"features":2,"intercepts":[0.5,-0.5],"mean":0'
    """
    weights = finite_array("weights", weights, ndim=2).astype(np.float64)
    if len(weights) < 2:
        raise ValueError(f"weights must have the shape (d + 1, k), d ≥ 1, not {weights.shape}")
    mean = float(finite_array("mean", [mean], ndim=1)[0])
    slopes = weights[1:]
    units = np.abs(slopes).max(axis=0) / 127
    units[units == 0] = 1.0  # a class without slopes
    whole = np.rint(slopes / units).astype(np.int8)
    model = {
        "classes": weights.shape[1],
        "features": len(slopes),
        "mean": mean,
        "scale": positive_number("scale", scale),
        "intercepts": [float(f"{value:.7g}") for value in weights[0]],
        "units": [float(f"{value:.7g}") for value in units],
        "slopes": base64.b64encode(whole.tobytes()).decode("ascii"),
    }
    return json.dumps(model, sort_keys=True, separators=(",", ":"))


def weights_from_json(text: str) -> tuple[Array, float, float]:
    """Read what `weights_to_json` wrote.

    Parameters
    ----------
    text : str

    Returns
    -------
    weights : ndarray of shape (d + 1, k)
        The intercepts first.
    mean, scale : float

    Examples
    --------
    >>> weights, mean, scale = weights_from_json(weights_to_json([[0.5, -0.5], [0.0, 1.27]]))
    >>> weights.tolist(), mean, scale
    ([[0.5, -0.5], [0.0, 1.27]], 0.0, 255.0)
    """
    model = json.loads(text)
    whole = np.frombuffer(base64.b64decode(model["slopes"]), dtype=np.int8)
    slopes = whole.reshape(model["features"], model["classes"]) * np.array(model["units"])
    weights = np.vstack([model["intercepts"], slopes])
    return weights, float(model["mean"]), float(model["scale"])

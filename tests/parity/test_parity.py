"""Our networks against figures taken from the authors' code, filled with the same weights by formula.

``golden.json`` names the repository and commit of each figure and how the two were brought together.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from formula import describe, fill, fill_statistics, frame

from venh_lib import methods

GOLDEN = json.loads((Path(__file__).parent / "golden.json").read_text(encoding="utf-8"))


def _output(slug: str, height: int, width: int) -> torch.Tensor:
    """The result of the paper preset of ``slug`` as the authors' code gives it, ``[1, 3, height, width]``."""
    network = methods.get(slug).build("paper").eval()
    parameters = dict(network.named_parameters())
    norms = [m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    if slug == "ivp_tencent":
        parameters = {n: p for n, p in parameters.items() if "mean" not in n}
    if slug == "dncnn":
        # The authors' convolutions have no bias where batch normalisation follows.
        for name in [f"body.{i}.0.bias" for i in range(len(norms))]:
            torch.nn.init.zeros_(parameters.pop(name))
    fill(parameters.values())
    fill_statistics(norms)
    image = frame(height, width)
    with torch.no_grad():
        output = network(image[:, None])
    if slug == "ivp_tencent":
        return output.clamp(0, 1)
    return image - output if slug == "dncnn" else output


@pytest.mark.parametrize("slug", sorted(GOLDEN))
def test_output_is_that_of_the_authors_code(slug):
    golden = GOLDEN[slug]
    found = describe(_output(slug, *golden["size"]))
    # Relative to the spread of the output: what an error of 1e-4 means does not depend on its mean.
    tolerance = 1e-4 * golden["std"]
    for name in ("mean", "std", "pixels"):
        np.testing.assert_allclose(found[name], golden[name], rtol=0, atol=tolerance, err_msg=f"{slug}: {name}")

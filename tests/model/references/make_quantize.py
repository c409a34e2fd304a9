"""Writes quantize.jsonl: numbers of many sizes and the blocks that the `gguf` package makes of them.

Usage: make_quantize.py > quantize.jsonl     (needs gguf 0.19, numpy)
The first line names the versions. Each other line: type, values (hex of float32, LE), blocks (hex).
"""
import importlib.metadata
import json

import numpy as np
from gguf import GGMLQuantizationType as Type
from gguf import quants

random = np.random.default_rng(20241126)
BLOCK = 32


def blocks_of_values(largest):
    """Blocks as weights are, then some of one sign, of few values, of zeros, tiny and close to `largest`."""
    plain = random.normal(size=(16, BLOCK)) * 10.0 ** random.integers(-4, 2, (16, 1))
    one_sign = np.abs(random.normal(size=(2, BLOCK)))
    ties = random.integers(-8, 9, (4, BLOCK)) / 2.0
    equal = np.full((2, BLOCK), 0.7)
    zeros = np.zeros((1, BLOCK))
    tiny = random.normal(size=(2, BLOCK)) * np.array([[1e-30], [1e-8]])
    huge = random.uniform(-largest, largest, (2, BLOCK))
    huge[:, 0] = [largest, -largest]
    sparse = np.zeros((2, BLOCK))
    sparse[:, 31] = [1.0, -3.0]
    return np.concatenate([plain, one_sign, -one_sign, ties, equal, zeros, tiny, huge, sparse]).astype("<f4")


print(json.dumps({"gguf": importlib.metadata.version("gguf"), "numpy": np.__version__}))
for kind, largest in ((Type.Q8_0, 8e6), (Type.Q4_0, 5e5), (Type.Q4_1, 6e4), (Type.F16, 65504), (Type.BF16, 3e38)):
    values = blocks_of_values(largest)
    print(json.dumps({
        "type": kind.name,
        "values": values.tobytes().hex(),
        "blocks": quants.quantize(values, kind).tobytes().hex(),
    }))

"""Writes dequantize.jsonl: random blocks of every type and what the `gguf` package makes of them.

Usage: make_dequantize.py > dequantize.jsonl     (needs gguf 0.19, numpy)
The first line names the versions. Each other line: type, blocks (hex), values (hex of float32, LE).
"""
import importlib.metadata
import json
import warnings

import numpy as np
from gguf import GGMLQuantizationType as Type
from gguf import quants

warnings.simplefilter("ignore")  # overflow of infinite scales is wanted
random = np.random.default_rng(20240607)

# Offsets of the half-precision scales within a block, size of the block, number of blocks.
LAYOUTS = {
    Type.Q4_0: ([0], 18, 24),
    Type.Q4_1: ([0, 2], 20, 24),
    Type.Q8_0: ([0], 34, 24),
    Type.Q4_K: ([0, 2], 144, 12),
    Type.Q6_K: ([208], 210, 12),
    Type.F16: ([], 2, 256),
    Type.BF16: ([], 2, 256),
    Type.F32: ([], 4, 64),
    Type.Q5_0: ([0], 22, 24),
}
# Zeros, the least and the largest subnormal, the least normal, the largest, infinities, NaN.
EXTREME = [0x0000, 0x8000, 0x0001, 0x83FF, 0x0400, 0x7BFF, 0xFBFF, 0x7C00, 0xFC00, 0x7E00]


def blocks_of(scales, size, count):
    blocks = random.integers(0, 256, (count, size), dtype=np.uint8)
    for row, block in enumerate(blocks):
        for offset in scales:
            if row < len(EXTREME):
                half = np.uint16(EXTREME[row])
            else:
                half = np.float16(random.normal() * 10.0 ** random.integers(-4, 2)).view(np.uint16)
            block[offset:offset + 2] = np.array([half], dtype="<u2").view(np.uint8)
    if size == 2:  # plain halves: the extremes themselves
        blocks[: len(EXTREME)] = np.array(EXTREME, dtype="<u2").view(np.uint8).reshape(-1, 2)
    return blocks


print(json.dumps({"gguf": importlib.metadata.version("gguf"), "numpy": np.__version__}))
for kind, (scales, size, count) in LAYOUTS.items():
    blocks = blocks_of(scales, size, count)
    if kind in (Type.F16, Type.F32):
        values = blocks.reshape(-1).view("<f2" if kind == Type.F16 else "<f4").astype(np.float32)
    else:
        values = quants.dequantize(blocks.reshape(-1), kind).astype(np.float32)
    print(json.dumps({
        "type": kind.name,
        "blocks": blocks.tobytes().hex(),
        "values": values.astype("<f4").tobytes().hex(),
    }))

"""Writes the tensors of a model file as the `gguf` or `safetensors` package reads them.

Usage: make_tensors.py FILE.gguf > smollm2_tensors.jsonl
       make_tensors.py FILE.safetensors > minilm_tensors.jsonl
The first line names the versions. Each other line: name, type, shape (outermost first) and the
SHA-256 of all values as float32 (gguf) or of the raw bytes (safetensors).
"""
import hashlib
import importlib.metadata
import json
import struct
import sys

import numpy as np


def describe(name, kind, shape, data):
    print(json.dumps({"name": name, "type": kind, "shape": [int(n) for n in shape],
                      "sha256": hashlib.sha256(data).hexdigest()}))


path = sys.argv[1]
if path.endswith(".gguf"):
    from gguf import GGUFReader, quants

    print(json.dumps({"gguf": importlib.metadata.version("gguf")}))
    for tensor in GGUFReader(path).tensors:
        values = quants.dequantize(tensor.data, tensor.tensor_type).astype("<f4")
        describe(tensor.name, tensor.tensor_type.name, reversed(tensor.shape.tolist()),
                 np.ascontiguousarray(values).tobytes())
else:
    from safetensors import deserialize

    print(json.dumps({"safetensors": importlib.metadata.version("safetensors")}))
    with open(path, "rb") as file:
        for name, info in deserialize(file.read()):
            describe(name, info["dtype"], info["shape"], bytes(info["data"]))

"""Encoders that differ from a given one in their weights, and so in every vector."""
import json
import shutil
import struct


def write_changed_copy(folder, copy, factor=1.5):
    """A copy of an encoder whose word embeddings, but for the even columns, are `factor` times as large."""
    shutil.copytree(folder, copy, symlinks=False, dirs_exist_ok=True)
    weights = copy / "model.safetensors"
    data = bytearray(weights.read_bytes())
    size = struct.unpack_from("<Q", data)[0]
    header = json.loads(data[8:8 + size])
    name = next(key for key in header if key.endswith("word_embeddings.weight"))
    begin, end = header[name]["data_offsets"]
    if header[name]["dtype"] != "F32":
        raise ValueError(f"{name} is {header[name]['dtype']}, not F32")
    values = memoryview(data)[8 + size + begin:8 + size + end].cast("f")
    for i in range(1, len(values), 2):
        values[i] *= factor
    values.release()
    weights.unlink()  # it may be read-only, and must not be that of the original
    weights.write_bytes(data)
    return copy

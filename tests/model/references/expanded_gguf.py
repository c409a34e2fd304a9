"""What the scripts share that run a GGUF by `transformers`: its metadata, its weights expanded to float32
by the `gguf` package, and how the logits of a prompt are written down."""

import importlib.metadata

import gguf
import numpy
import torch
import transformers


def describe():
    """The first line of a file: how it was made."""
    return {"made_by": {"torch": torch.__version__, "transformers": transformers.__version__,
                        "gguf": importlib.metadata.version("gguf")}}


def tensors(reader):
    """The name of each tensor, cut at its dots, and its weights."""
    for tensor in reader.tensors:
        yield (tensor.name.split("."),
               gguf.dequantize(tensor.data, tensor.tensor_type).astype(numpy.float32))


def fill(model, state):
    """`model` with the weights of `state`, which may leave out an output layer that is the embedding."""
    missing, unexpected = model.load_state_dict(state, strict=False)
    assert not unexpected and set(missing) <= {"lm_head.weight"}, (missing, unexpected)
    model.tie_weights()
    return model.eval()


def last_logits(model, ids):
    with torch.inference_mode():
        return model(torch.tensor([ids]), logits_to_keep=1).logits[0, -1]


def describe_logits(ids, logits, step):
    """Of the logits that follow `ids`: the 50 largest, their mean, and the logit of every `step`th token."""
    top = torch.topk(logits, 50)
    return {
        "tokens": ids,
        "top_ids": top.indices.tolist(),
        "top_logits": [round(x, 5) for x in top.values.tolist()],
        "mean": round(logits.double().mean().item(), 6),
        f"every_{step}th": [round(x, 5) for x in logits[::step].tolist()],
    }

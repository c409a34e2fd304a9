"""sentence-transformers and onnxruntime in full precision, on the figures of bench/encoding.cc.

usage: encoding.py sentence-transformers|onnxruntime ENCODER TEXTS QUESTIONS REFERENCE THREADS
       encoding.py reference ENCODER TEXTS QUESTIONS REFERENCE THREADS    writes REFERENCE
"""
import pathlib
import statistics
import sys
import tempfile
import time

import numpy
import torch
from measure import answer_measurements
from sentence_transformers import SentenceTransformer

BATCH = 32


def read_lines(path):
    return pathlib.Path(path).read_text().splitlines()


class States(torch.nn.Module):
    """The network by names: its own forward() takes no tensors by position while it is exported."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, input_ids, attention_mask, token_type_ids):
        return self.network(input_ids=input_ids, attention_mask=attention_mask,
                            token_type_ids=token_type_ids).last_hidden_state


def with_onnxruntime(model, threads):
    """The network exported, and around it what sentence-transformers does: batches of texts of similar
    length, mean over tokens, unit length."""
    import onnxruntime

    network, tokenizer = model[0].model.eval(), model.tokenizer
    path = tempfile.mkdtemp() + "/encoder.onnx"
    names = ["input_ids", "attention_mask", "token_type_ids"]
    example = tokenizer(["an example of a text"], return_tensors="pt")
    torch.onnx.export(States(network), tuple(example[name] for name in names), path, input_names=names,
                      output_names=["states"], opset_version=17, dynamo=False,
                      dynamic_axes={name: {0: "batch", 1: "token"} for name in [*names, "states"]})
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def encode(texts):
        vectors = numpy.empty((len(texts), model.get_sentence_embedding_dimension()), dtype="float32")
        order = sorted(range(len(texts)), key=lambda i: -len(texts[i]))
        for begin in range(0, len(order), BATCH):
            places = order[begin:begin + BATCH]
            tokens = tokenizer([texts[i] for i in places], padding=True, truncation=True,
                               max_length=model.max_seq_length, return_tensors="np")
            states = session.run(None, {name: tokens[name] for name in names})[0]
            mask = tokens["attention_mask"][..., None].astype("float32")
            pooled = (states * mask).sum(1) / mask.sum(1)
            vectors[places] = pooled / numpy.linalg.norm(pooled, axis=1, keepdims=True)
        return vectors

    return encode


def main():
    peer, encoder, text_file, question_file, reference, threads = sys.argv[1:]
    torch.set_num_threads(int(threads))
    model = SentenceTransformer(encoder, device="cpu")
    texts, questions = read_lines(text_file), read_lines(question_file)

    def encode(some):
        return model.encode(some, batch_size=BATCH, normalize_embeddings=True)

    if peer == "reference":
        encode(texts).astype("float32").tofile(reference)
        return
    expected = numpy.fromfile(reference, dtype="float32").reshape(len(texts), -1)
    if peer == "onnxruntime":
        encode = with_onnxruntime(model, int(threads))

    def measure():
        start = time.perf_counter()
        vectors = encode(texts)
        seconds = time.perf_counter() - start
        milliseconds = []
        for question in questions:
            start = time.perf_counter()
            encode([question])
            milliseconds.append(1000 * (time.perf_counter() - start))
        milliseconds.sort()
        return {
            "texts, texts/s": len(texts) / seconds,
            "question (median), ms": statistics.median(milliseconds),
            "question (95 of 100), ms": milliseconds[len(milliseconds) * 95 // 100],
            "least cosine to fp32, of 1": float((vectors * expected).sum(1).min()),
        }

    answer_measurements(measure)


if __name__ == "__main__":
    main()

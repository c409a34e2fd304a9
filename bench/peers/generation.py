"""llama.cpp, by llama-cpp-python, on the figures of bench/generation.cc.

usage: generation.py FILE.gguf THREADS
"""
import sys
import time

import llama_cpp
import numpy
from llama_cpp._logger import set_verbose
from measure import answer_measurements

PROMPT_TOKENS = 512
PASSAGES_TOKENS = 1000
SHORT_PROMPT_TOKENS = 16
DECODED_TOKENS = 48
MOST_SEQUENCES = 8


class Engine:
    def __init__(self, path, threads):
        set_verbose(False)
        llama_cpp.llama_backend_init()
        self.model = llama_cpp.llama_model_load_from_file(
            path.encode(), llama_cpp.llama_model_default_params())
        parameters = llama_cpp.llama_context_default_params()
        parameters.n_ctx = 4 * (PROMPT_TOKENS + DECODED_TOKENS) + 64
        parameters.n_batch = 4 * PROMPT_TOKENS
        parameters.n_ubatch = PROMPT_TOKENS
        parameters.n_seq_max = MOST_SEQUENCES
        parameters.kv_unified = True
        parameters.n_threads = parameters.n_threads_batch = threads
        self.context = llama_cpp.llama_init_from_model(self.model, parameters)
        self.memory = llama_cpp.llama_get_memory(self.context)
        self.vocabulary = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(self.model))
        self.batch = llama_cpp.llama_batch_init(parameters.n_batch, 0, MOST_SEQUENCES)

    def run(self, rows):
        """`rows`: (token, position, sequence, whether its logits are wanted). The likeliest tokens."""
        batch, wanted = self.batch, []
        batch.n_tokens = len(rows)
        for i, (token, position, sequence, logits) in enumerate(rows):
            batch.token[i], batch.pos[i] = token, position
            batch.n_seq_id[i], batch.seq_id[i][0] = 1, sequence
            batch.logits[i] = logits
            if logits:
                wanted.append(i)
        if llama_cpp.llama_decode(self.context, batch) != 0:
            sys.exit("llama_decode failed")
        return [int(numpy.argmax(numpy.ctypeslib.as_array(
            llama_cpp.llama_get_logits_ith(self.context, i), (self.vocabulary,)))) for i in wanted]

    def prefill(self, sequences, tokens):
        llama_cpp.llama_memory_clear(self.memory, True)
        rows = [(1000 + (k * 37 + i * 101) % 3000, k, i, k == tokens - 1)
                for i in range(sequences) for k in range(tokens)]
        start = time.perf_counter()
        likeliest = self.run(rows)
        return likeliest, time.perf_counter() - start

    def prefill_rate(self, sequences):
        return sequences * PROMPT_TOKENS / self.prefill(sequences, PROMPT_TOKENS)[1]

    def decode_rate(self, sequences):
        likeliest, _ = self.prefill(sequences, SHORT_PROMPT_TOKENS)
        start = time.perf_counter()
        for step in range(DECODED_TOKENS):
            likeliest = self.run([(token, SHORT_PROMPT_TOKENS + step, i, True)
                                  for i, token in enumerate(likeliest)])
        return sequences * DECODED_TOKENS / (time.perf_counter() - start)


def main():
    engine = Engine(sys.argv[1], int(sys.argv[2]))
    answer_measurements(lambda: {
        "prefill 512, tokens/s": engine.prefill_rate(1),
        "prefill 4 x 512, tokens/s": engine.prefill_rate(4),
        "time to first token at 1000 tokens, s": engine.prefill(1, PASSAGES_TOKENS)[1],
        "decode 1 sequence, tokens/s": engine.decode_rate(1),
        "decode 4 sequences, tokens/s": engine.decode_rate(4),
        "decode 8 sequences, tokens/s": engine.decode_rate(8),
    })


if __name__ == "__main__":
    main()

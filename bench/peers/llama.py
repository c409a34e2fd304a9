"""llama.cpp by its C interface: what the peers' programs share.

The high-level interface of llama-cpp-python copies all logits of a step and chooses in Python, which
would be measured as llama.cpp's.
"""
import sys

import llama_cpp
import numpy
from llama_cpp._logger import set_verbose


class Llama:
    """A model and a context of `tokens` positions for all of `sequences` together. `options` are fields
    of llama_context_params."""

    def __init__(self, path, threads, tokens, sequences=1, **options):
        set_verbose(False)
        llama_cpp.llama_backend_init()
        self.model = llama_cpp.llama_model_load_from_file(
            path.encode(), llama_cpp.llama_model_default_params())
        parameters = llama_cpp.llama_context_default_params()
        parameters.n_ctx = tokens
        parameters.n_batch = tokens
        parameters.n_ubatch = 512
        parameters.n_seq_max = sequences
        parameters.kv_unified = True
        parameters.n_threads = parameters.n_threads_batch = threads
        for name, value in options.items():
            setattr(parameters, name, value)
        self.context = llama_cpp.llama_init_from_model(self.model, parameters)
        if not self.context:
            sys.exit("llama_init_from_model failed")
        self.memory = llama_cpp.llama_get_memory(self.context)
        vocabulary = llama_cpp.llama_model_get_vocab(self.model)
        self.vocabulary_size = llama_cpp.llama_vocab_n_tokens(vocabulary)
        self.batch = llama_cpp.llama_batch_init(parameters.n_batch, 0, 1)

    def clear(self):
        llama_cpp.llama_memory_clear(self.memory, False)

    def truncate(self, length, sequence=0):
        """Forgets the positions of a sequence from `length` on."""
        if not llama_cpp.llama_memory_seq_rm(self.memory, sequence, length, -1):
            sys.exit("llama_memory_seq_rm failed")

    def run(self, rows):
        """`rows`: (token, position, sequence, whether its logits are wanted). The wanted logits [rows,
        vocabulary], in memory that the next step writes to."""
        batch, wanted = self.batch, 0
        batch.n_tokens = len(rows)
        for i, (token, position, sequence, logits) in enumerate(rows):
            batch.token[i], batch.pos[i] = token, position
            batch.n_seq_id[i], batch.seq_id[i][0] = 1, sequence
            batch.logits[i] = logits
            wanted += logits
        if llama_cpp.llama_decode(self.context, batch) != 0:
            sys.exit("llama_decode failed")
        if wanted == 0:
            return ()
        return numpy.ctypeslib.as_array(llama_cpp.llama_get_logits(self.context),
                                        (wanted, self.vocabulary_size))

    def likeliest(self, rows):
        return [int(row.argmax()) for row in self.run(rows)]

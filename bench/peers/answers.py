"""llama.cpp, by llama-cpp-python, on the figures of bench/answers.cc.

usage: answers.py FILE.gguf THREADS PROMPTS.json [--lookup]
"""
import json
import sys
import time

import llama_cpp
from llama_cpp.llama_speculative import LlamaPromptLookupDecoding
from measure import answer_measurements

MAX_TOKENS = 64


def main():
    path, threads, prompts = sys.argv[1:4]
    draft = LlamaPromptLookupDecoding(num_pred_tokens=10) if "--lookup" in sys.argv else None
    model = llama_cpp.Llama(path, n_ctx=2048, n_batch=512, n_threads=int(threads),
                            n_threads_batch=int(threads), draft_model=draft,
                            logits_all=draft is not None, verbose=False)
    with open(prompts) as file:
        prompts = json.load(file)
    end = model.token_eos()

    def answer(prompt):
        model.reset()
        for given, token in enumerate(model.generate(prompt, temp=0.0, repeat_penalty=1.0), 1):
            if token == end or given == MAX_TOKENS:
                return

    def measure():
        start = time.perf_counter()
        for prompt in prompts:
            answer(prompt)
        return {"answer from 5 passages, s": (time.perf_counter() - start) / len(prompts)}

    answer_measurements(measure)


if __name__ == "__main__":
    main()

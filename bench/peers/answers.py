"""llama.cpp on the figures of bench/answers.cc: greedily, and with --lookup with prompt-lookup drafts of
llama-cpp-python, which a step verifies together. That they are used rightly is checked on starting.

usage: answers.py FILE.gguf THREADS PROMPTS.json [--lookup]
"""
import json
import sys
import time

import llama_cpp
import numpy
from llama import Llama
from llama_cpp.llama_speculative import LlamaPromptLookupDecoding
from measure import answer_measurements

MAX_TOKENS = 64
CONTEXT_TOKENS = 2048
DRAFT_TOKENS = 10
# llama.cpp's logits depend on how many tokens a step has: by up to 0.7 here.
TIE = 1.0


class Greedy:
    def __init__(self, path, threads):
        self.llama = Llama(path, threads, tokens=CONTEXT_TOKENS)
        self.end = llama_cpp.llama_vocab_eos(llama_cpp.llama_model_get_vocab(self.llama.model))

    def answer(self, prompt, draft=lambda text: ()):
        """The tokens of the answer. `draft` guesses what follows a text [tokens]."""
        self.llama.clear()
        text = numpy.empty(len(prompt) + MAX_TOKENS + DRAFT_TOKENS, dtype=numpy.intc)
        text[:len(prompt)] = prompt
        size = len(prompt)
        [token] = self.llama.likeliest(
            [(token, i, 0, i == size - 1) for i, token in enumerate(prompt)])
        while True:
            if token == self.end:
                break
            text[size] = token
            size += 1
            if size == len(prompt) + MAX_TOKENS:
                break
            guesses = [int(guess) for guess in draft(text[:size])]
            likeliest = self.llama.likeliest(
                [(token, size - 1 + i, 0, True) for i, token in enumerate([token, *guesses])])
            accepted = 0
            while (accepted < len(guesses) and guesses[accepted] == likeliest[accepted] != self.end
                   and size < len(prompt) + MAX_TOKENS):
                text[size] = guesses[accepted]
                size += 1
                accepted += 1
            if size == len(prompt) + MAX_TOKENS:
                break
            if accepted < len(guesses):
                self.llama.truncate(size)
            token = likeliest[accepted]
        return text[len(prompt):size].tolist()


    def check(self, prompt, answer):
        """That `answer` is the greedy one, or leaves it where two tokens are about equally likely."""
        plain = self.answer(prompt)
        if answer == plain:
            return
        first = next((i for i, (a, b) in enumerate(zip(plain, answer)) if a != b),
                     min(len(plain), len(answer)))
        self.llama.clear()
        [logits] = self.llama.run(
            [(token, i, 0, i == len(prompt) - 1) for i, token in enumerate(prompt)])
        for i, token in enumerate(plain[:first], len(prompt)):
            [logits] = self.llama.run([(token, i, 0, True)])
        expected, got = ([*tokens, self.end][first] for tokens in (plain, answer))
        if logits[expected] - logits[got] > TIE:
            sys.exit(f"drafts change an answer at its token {first}")


def main():
    path, threads, prompts = sys.argv[1:4]
    with open(prompts) as file:
        prompts = json.load(file)
    greedy = Greedy(path, int(threads))
    options = ()
    if "--lookup" in sys.argv:
        options = (LlamaPromptLookupDecoding(num_pred_tokens=DRAFT_TOKENS),)
        for prompt in prompts:
            greedy.check(prompt, greedy.answer(prompt, *options))

    def measure():
        start = time.perf_counter()
        for prompt in prompts:
            greedy.answer(prompt, *options)
        return {"answer from 5 passages, s": (time.perf_counter() - start) / len(prompts)}

    answer_measurements(measure)


if __name__ == "__main__":
    main()

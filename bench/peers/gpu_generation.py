"""generate() of `transformers`, in bfloat16 with SDPA, on the figures of bench/gpu_generation.cc.

usage: gpu_generation.py MODEL_FOLDER cuda|cpu
"""
import sys
import time

import torch
from measure import answer_measurements
from transformers import AutoModelForCausalLM

PROMPT_TOKENS = 128
DECODED_TOKENS = 128


class Engine:
    def __init__(self, path, device):
        self.device = device
        self.scale = 1 if device == "cuda" else 16  # on a processor, for trying the program
        self.model = AutoModelForCausalLM.from_pretrained(
            path, dtype=torch.bfloat16, attn_implementation="sdpa").to(device).eval()
        tied = self.model.get_input_embeddings().weight is self.model.get_output_embeddings().weight
        self.step_bytes = sum(p.numel() * p.element_size() for p in self.model.parameters())
        if not tied:
            embedding = self.model.get_input_embeddings().weight
            self.step_bytes -= embedding.numel() * embedding.element_size()
        self.memory_rate = 0
        if device == "cuda":
            properties = torch.cuda.get_device_properties(0)
            # Two transfers in a cycle.
            self.memory_rate = 2000 * properties.memory_clock_rate * properties.memory_bus_width / 8

    def generate(self, sequences, prompt_tokens, new_tokens):
        """Seconds for all of it."""
        ids = torch.tensor([[1000 + (k * 37 + i * 101) % 3000 for k in range(prompt_tokens)]
                            for i in range(sequences)], device=self.device)
        self.synchronize()
        start = time.perf_counter()
        self.model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False,
                            min_new_tokens=new_tokens, max_new_tokens=new_tokens, pad_token_id=0)
        self.synchronize()
        return time.perf_counter() - start

    def synchronize(self):
        if self.device == "cuda":
            torch.cuda.synchronize()

    def figures(self):
        tokens = 2048 // self.scale
        steps = DECODED_TOKENS // self.scale
        figures = {"prefill 2048, tokens/s": tokens / self.generate(1, tokens, 1)}
        for sequences in (1, 8, 64):
            # The first token comes with the prompt.
            seconds = (self.generate(sequences, PROMPT_TOKENS, steps + 1) -
                       self.generate(sequences, PROMPT_TOKENS, 1))
            name = f"decode {sequences} sequences, "
            figures[name + "tokens/s"] = sequences * steps / seconds
            if self.memory_rate:
                figures[name + "share of memory rate"] = (
                    steps / seconds * self.step_bytes / self.memory_rate)
        return figures


def main():
    with torch.inference_mode():
        engine = Engine(sys.argv[1], sys.argv[2])
        answer_measurements(engine.figures)


if __name__ == "__main__":
    main()

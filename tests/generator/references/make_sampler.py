"""Writes sampler.jsonl: what the logits processors of `transformers` leave of a distribution.

Usage: make_sampler.py > sampler.jsonl     (needs transformers 5, torch)
The first line names the versions. Each other line: logits, context, options and the probability of
each token after repetition penalty, temperature, top-k and top-p.
"""
import json

import torch
import transformers
from transformers import (RepetitionPenaltyLogitsProcessor, TemperatureLogitsWarper,
                          TopKLogitsWarper, TopPLogitsWarper)

generator = torch.Generator().manual_seed(11)
print(json.dumps({"transformers": transformers.__version__, "torch": torch.__version__}))
for temperature, top_k, top_p, penalty in [
    (1.0, 0, 1.0, 1.0), (0.7, 0, 1.0, 1.0), (2.5, 0, 1.0, 1.0), (1.0, 5, 1.0, 1.0),
    (0.5, 12, 1.0, 1.0), (1.0, 0, 0.9, 1.0), (1.3, 0, 0.5, 1.0), (1.0, 0, 0.05, 1.0),
    (1.0, 0, 1.0, 1.3), (1.0, 0, 1.0, 0.6), (0.8, 10, 0.8, 1.1), (1.5, 20, 0.95, 1.5),
]:
    logits = (torch.randn(40, generator=generator) * 2.5).float()
    context = torch.randint(0, 40, (15,), generator=generator)
    steps = []
    if penalty != 1.0:
        steps.append(RepetitionPenaltyLogitsProcessor(penalty))
    steps.append(TemperatureLogitsWarper(temperature))
    if top_k:
        steps.append(TopKLogitsWarper(top_k))
    if top_p < 1.0:
        steps.append(TopPLogitsWarper(top_p))
    scores = logits[None, :].clone()
    for step in steps:
        scores = step(context[None, :], scores)
    print(json.dumps({
        "temperature": temperature, "top_k": top_k, "top_p": top_p, "repetition_penalty": penalty,
        "logits": logits.tolist(), "context": context.tolist(),
        "probabilities": torch.softmax(scores[0].double(), -1).tolist(),
    }))

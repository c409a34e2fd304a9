"""Tiny cross-encoders saved by `transformers`, and how well they find that pairs of texts go together.

    python make_cross_encoders.py FOLDER

writes FOLDER/NAME/ for each: `config.json`, the weights in bfloat16, for BERT also its tokenizer, and
`logits.jsonl`, whose first line describes how the file was made. Each line after it is a pair: its tokens, how
many of them belong to the first text, and its logit; for BERT also the texts. Weights are random and rounded
to bfloat16 before the logits are computed, in float32; embeddings of types are large, so that a token of the
wrong one shows. `step.json` has the loss of two questions of three pairs each, the first of which is right, and
the norm of its gradient.
"""

import json
import pathlib
import random
import sys

import torch
import transformers

WORDS = """when was the lighthouse lit who keeps harbour of varn in mill burned down twice and built brick pears
grow orchard""".split()
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + WORDS + [
    "##s", "##ed", "?", "."] + [str(i) for i in range(20)]
LONGEST = 40

common = dict(vocab_size=len(VOCABULARY), hidden_size=64, intermediate_size=64, num_hidden_layers=2,
              num_attention_heads=2, hidden_act="gelu", num_labels=1)

models = {
    "bert": (transformers.BertForSequenceClassification, transformers.BertConfig(
        **common, max_position_embeddings=LONGEST, type_vocab_size=2, pad_token_id=0)),
    "xlm_roberta": (transformers.XLMRobertaForSequenceClassification, transformers.XLMRobertaConfig(
        **common, max_position_embeddings=LONGEST + 2, type_vocab_size=1, pad_token_id=1, bos_token_id=0,
        eos_token_id=2, layer_norm_eps=1e-5)),
}


def randomise(model):
    torch.manual_seed(20)
    with torch.no_grad():
        for key, weight in model.named_parameters():
            if "LayerNorm.weight" in key:
                weight.normal_(1.0, 0.2)
            else:
                weight.normal_(0.0, 1.0 if "token_type" in key or "classifier" in key else 0.3)


def texts():
    generator = random.Random(7)
    for first, second in [(3, 5), (1, 1), (9, 36), (4, 30), (30, 6), (25, 25), (18, 19), (60, 60)]:
        yield tuple(" ".join(generator.choices(WORDS + ["mills", "?", "unheard"], k=k)) for k in (first, second))


def bert_pairs(target):
    (target / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n")
    tokenizer = transformers.BertTokenizer.from_pretrained(target)
    for first, second in texts():
        made = tokenizer(first, second, truncation=True, max_length=LONGEST, return_token_type_ids=True)
        yield {"first": first, "second": second, "tokens": made["input_ids"],
               "first_length": made["token_type_ids"].count(0)}


def xlm_roberta_pairs(_):
    generator = random.Random(8)
    for first, second in [(1, 1), (5, 12), (17, 19)]:
        some = lambda k: [generator.randrange(4, len(VOCABULARY)) for _ in range(k)]
        yield {"tokens": [0, *some(first), 2, 2, *some(second), 2], "first_length": first + 3}


def step(model, pairs):
    questions = [[0, 2, 4], [1, 3, 7]]
    losses = []
    for question in questions:
        logits = []
        for i in question:
            tokens = torch.tensor([pairs[i]["tokens"]])
            types = torch.ones_like(tokens)
            types[0, :pairs[i]["first_length"]] = 0
            logits.append(model(input_ids=tokens, token_type_ids=types).logits[0, 0])
        losses.append(-torch.log_softmax(torch.stack(logits), 0)[0])
    loss = sum(losses) / len(losses)
    loss.backward()
    squares = sum(weight.grad.pow(2).sum() for weight in model.parameters() if weight.grad is not None)
    return {"questions": questions, "loss": loss.item(), "gradient": squares.sqrt().item()}


def main(folder):
    for name, (kind, config) in models.items():
        model = kind(config).eval()
        randomise(model)
        model = model.to(torch.bfloat16)
        target = pathlib.Path(folder) / name
        model.save_pretrained(target)
        model = model.float()
        pairs = list(bert_pairs(target) if name == "bert" else xlm_roberta_pairs(target))
        with open(target / "logits.jsonl", "w") as out:
            print(json.dumps({"made_by": f"transformers {transformers.__version__}, torch "
                              f"{torch.__version__.split('+')[0]}, float32"}), file=out)
            for pair in pairs:
                tokens = torch.tensor([pair["tokens"]])
                types = torch.ones_like(tokens)
                types[0, :pair["first_length"]] = 0
                kinds = {"token_type_ids": types} if name == "bert" else {}
                with torch.no_grad():
                    logit = model(input_ids=tokens, **kinds).logits[0, 0].item()
                print(json.dumps({**pair, "logit": round(logit, 6)}), file=out)
        if name == "bert":
            (target / "step.json").write_text(json.dumps(step(model, pairs)) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])

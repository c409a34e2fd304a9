"""Tiny encoders of BERT's family, saved by `transformers`, and what they make of some sequences.

    python make_encoders.py FOLDER

writes FOLDER/NAME/ for each: `config.json`, the weights in bfloat16, and `states.jsonl`, whose first line
describes how the file was made and each line after it is a sequence: its tokens, the mean of its last
hidden states and the first of them. Weights are random and rounded to bfloat16 before the states are
computed, in float32; embeddings of positions are large, so that counting them from the wrong one shows.
"""

import json
import pathlib
import sys

import torch
import transformers

VOCABULARY = 48
LENGTHS = [1, 2, 7, 31, 40]

common = dict(vocab_size=VOCABULARY, hidden_size=64, intermediate_size=64, num_hidden_layers=2,
              num_attention_heads=2, hidden_act="gelu")

models = {
    "bert": (transformers.BertModel, transformers.BertConfig(
        **common, max_position_embeddings=40, type_vocab_size=2, pad_token_id=0)),
    "xlm_roberta": (transformers.XLMRobertaModel, transformers.XLMRobertaConfig(
        **common, max_position_embeddings=42, type_vocab_size=1, pad_token_id=1, bos_token_id=0,
        eos_token_id=2, layer_norm_eps=1e-5)),
}


def main(folder):
    for name, (kind, config) in models.items():
        torch.manual_seed(20)
        model = kind(config, add_pooling_layer=False).eval()
        with torch.no_grad():
            for key, weight in model.named_parameters():
                scale = 1.0 if "position_embeddings" in key else 0.3
                if "LayerNorm.weight" in key:
                    weight.normal_(1.0, 0.2)
                else:
                    weight.normal_(0.0, scale)
        model = model.to(torch.bfloat16)
        target = pathlib.Path(folder) / name
        model.save_pretrained(target)
        model = model.float()
        with open(target / "states.jsonl", "w") as out:
            print(json.dumps({"made_by": f"transformers {transformers.__version__}, torch "
                              f"{torch.__version__.split('+')[0]}, float32"}), file=out)
            generator = torch.Generator().manual_seed(7)
            for length in LENGTHS:
                # Never the token that pads, which XLM-R counts no position for.
                tokens = torch.randint(4, VOCABULARY, (1, length), generator=generator)
                with torch.no_grad():
                    states = model(input_ids=tokens).last_hidden_state[0]
                print(json.dumps({"tokens": tokens[0].tolist(),
                                  "mean": [round(x, 6) for x in states.mean(0).tolist()],
                                  "first": [round(x, 6) for x in states[0].tolist()]}), file=out)


if __name__ == "__main__":
    main(sys.argv[1])

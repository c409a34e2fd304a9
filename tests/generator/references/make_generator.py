"""Reference prompts and greedy continuations for tests/generator/generator_test.cc.

    python make_generator.py MODEL.gguf > generator_smollm2.jsonl

Prompts are made by `apply_chat_template` of `transformers` from the template in the file, and
continued greedily by LlamaForCausalLM on the expanded weights.
"""

import json
import pathlib
import sys

import torch

sys.path.append(str(pathlib.Path(__file__).parents[2] / "model" / "references"))
import expanded_gguf
import make_llama

conversations = [
    [{"role": "user", "content": "What is the capital of France?"}],
    [{"role": "user", "content": "Write one sentence about the sea."}],
    [{"role": "system", "content": "You answer in one short sentence."},
     {"role": "user", "content": "Why is the sky blue?"}],
    [{"role": "user", "content": "Hello!"},
     {"role": "assistant", "content": "Hello! How can I help?"},
     {"role": "user", "content": "Count from one to five."}],
    [{"role": "user", "content": "  \n\n  Two spaces, two lines, then text.\n"}],
    [{"role": "user", "content": "Übersetze: 'Guten Morgen, 世界 🌍'"}],
    [{"role": "system", "content": "\tTabs\tand a trailing space "},
     {"role": "user", "content": "x = [1, 2, 3]\nprint(x[0])   # what is printed?"}],
]


def main(path):
    model, tokenizer = make_llama.load(path)
    print(json.dumps(expanded_gguf.describe()))
    for messages in conversations:
        text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        with torch.inference_mode():
            out = model.generate(torch.tensor([ids]), do_sample=False, max_new_tokens=32,
                                 pad_token_id=2, eos_token_id=[0, 2])[0].tolist()
        print(json.dumps({"messages": messages, "prompt": ids, "continuation": out[len(ids):],
                          "text": tokenizer.decode(out[len(ids):], skip_special_tokens=True,
                                                   clean_up_tokenization_spaces=False)}))


if __name__ == "__main__":
    main(sys.argv[1])

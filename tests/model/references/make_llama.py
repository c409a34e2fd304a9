"""Reference logits for tests/model/llama_test.cc.

    python make_llama.py MODEL.gguf > llama_smollm2.jsonl

Weights are expanded by the `gguf` package and run, in float32, by LlamaForCausalLM of `transformers`.
The first line describes how the file was made; each line after it is one prompt: its token ids, the 50
largest logits that follow it, mean and standard deviation of all logits, and the logit of every
1024th token.
"""

import json
import sys

import gguf
import torch
import transformers

import expanded_gguf

sentences = [
    "The lighthouse keeper wrote the weather down every evening at six.",
    "A binary search halves the range that may hold the key at every step.",
    "Rain had filled the quarry, and the swans had found it before the children did.",
    "Copper conducts heat about twice as well as aluminium of the same volume.",
    "Nobody could say who had moved the piano, but it stood in the garden now.",
    "An index is useful only if the database can find it faster than it can read the table.",
    "The third violin came in a beat late and pretended nothing had happened.",
    "Sediment cores from the lake show four dry centuries and a sudden flood.",
]

prompts = [
    "A",
    "The capital of France is",
    "def fibonacci(n):\n    if n < 2:\n        return n\n    return",
    "SELECT name, count(*) FROM orders GROUP BY",
    "Die Hauptstadt von Österreich ist",
    "La rivière traverse la ville avant de",
    "水は摂氏百度で",
    "Столица Норвегии —",
    "1, 1, 2, 3, 5, 8, 13,",
    "Dear Ms Okafor,\n\nThank you for your letter of 3 March.",
    "| year | rainfall |\n|------|----------|\n| 2019 | 812 mm |\n| 2020 |",
    "{\"name\": \"Ada\", \"born\": 1815, \"field\": \"",
    "Q: Why does ice float on water?\nA:",
    "🙂 🙃 🙂 🙃 🙂",
    "To be read aloud: one two three four five six seven eight nine ten eleven",
    "<|im_start|>user\nName a colour.<|im_end|>\n<|im_start|>assistant\n",
    "<|im_start|>system\nAnswer briefly.<|im_end|>\n<|im_start|>user\nWhat is a lighthouse for?"
    "<|im_end|>\n<|im_start|>assistant\n",
    " ".join(sentences),
    "\n\n".join(f"Section {i}. {sentences[i % 8]} {sentences[(i * 3 + 1) % 8]}" for i in range(20)),
    " ".join(sentences[(i * 5 + i // 8) % 8] for i in range(64)),
]


def load(path):
    """The model of the file, in float32, and its tokenizer."""
    reader = gguf.GGUFReader(path)
    value = {name: field.contents() for name, field in reader.fields.items()}
    heads = value["llama.attention.head_count"]
    kv_heads = value["llama.attention.head_count_kv"]
    config = transformers.LlamaConfig(
        vocab_size=len(value["tokenizer.ggml.tokens"]),
        hidden_size=value["llama.embedding_length"],
        intermediate_size=value["llama.feed_forward_length"],
        num_hidden_layers=value["llama.block_count"],
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        max_position_embeddings=value["llama.context_length"],
        rms_norm_eps=value["llama.attention.layer_norm_rms_epsilon"],
        rope_theta=value["llama.rope.freq_base"],
        rope_parameters={"rope_type": "default", "rope_theta": value["llama.rope.freq_base"]},
        tie_word_embeddings=True,
        bos_token_id=value["tokenizer.ggml.bos_token_id"],
        eos_token_id=value["tokenizer.ggml.eos_token_id"],
    )
    names = {
        "attn_norm": "input_layernorm",
        "attn_q": "self_attn.q_proj",
        "attn_k": "self_attn.k_proj",
        "attn_v": "self_attn.v_proj",
        "attn_output": "self_attn.o_proj",
        "ffn_norm": "post_attention_layernorm",
        "ffn_gate": "mlp.gate_proj",
        "ffn_up": "mlp.up_proj",
        "ffn_down": "mlp.down_proj",
    }
    state = {}
    for part, weight in expanded_gguf.tensors(reader):
        if part[0] == "blk":
            # GGUF keeps the two numbers that rotate together side by side, transformers keeps them
            # half a head apart.
            count = {"attn_q": heads, "attn_k": kv_heads}.get(part[2])
            if count:
                pairs = weight.reshape(count, weight.shape[0] // count // 2, 2, weight.shape[1])
                weight = pairs.swapaxes(1, 2).reshape(weight.shape)
            name = f"model.layers.{part[1]}.{names[part[2]]}.weight"
        else:
            name = {"token_embd": "model.embed_tokens.weight", "output_norm": "model.norm.weight",
                    "output": "lm_head.weight"}[part[0]]
        state[name] = torch.from_numpy(weight.copy())
    model = expanded_gguf.fill(transformers.LlamaForCausalLM(config), state)
    folder, _, file = path.rpartition("/")
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder or ".", gguf_file=file)
    return model, tokenizer


def main(path):
    model, tokenizer = load(path)
    print(json.dumps(expanded_gguf.describe()))
    for prompt in prompts:
        ids = tokenizer(prompt)["input_ids"]
        logits = expanded_gguf.last_logits(model, ids)
        print(json.dumps({
            **expanded_gguf.describe_logits(ids, logits, step=1024),
            "deviation": round(logits.double().std(correction=0).item(), 6),
        }))


if __name__ == "__main__":
    main(sys.argv[1])

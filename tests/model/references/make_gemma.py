"""Reference logits of Gemma 3 270M for tests/model/decoder_families_test.cc.

    python make_gemma.py MODEL.gguf > gemma3_270m.jsonl

Weights are expanded by the `gguf` package and run, in float32, by Gemma3ForCausalLM of `transformers`.
What the file leaves out (the pattern of layers with a window, their rotary base, the query scale) is
stated here as Google published it. The first line describes how the file was made; each line after it
is one prompt: its token ids, the 50 largest logits that follow it, the mean of all logits, and the
logit of every 4096th token.
"""

import json
import sys

import gguf
import torch
import transformers

import expanded_gguf

# Token ids: no tokenizer is needed to compare logits. The first token is <bos>.
prompts = [
    [2],
    [2, 818, 5279, 529, 7001, 563],
    [2, 105, 2364, 107, 3689, 563, 496, 66142, 236881, 106, 107, 105, 4368, 107],
    [2] + [(i * i * 7919 + 31 * i) % 200000 + 300 for i in range(60)],
    [2] + [(i * i * 104729 + 17 * i) % 100000 + 300 + i % 5 for i in range(1300)],
]

NAMES = {
    "attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
    "attn_q_norm": "self_attn.q_norm", "attn_k_norm": "self_attn.k_norm",
    "post_attention_norm": "post_attention_layernorm", "ffn_norm": "pre_feedforward_layernorm",
    "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
    "post_ffw_norm": "post_feedforward_layernorm",
}


def load(path):
    """The model of the file, in float32."""
    reader = gguf.GGUFReader(path)
    value = {name: field.contents() for name, field in reader.fields.items()
             if not name.startswith("tokenizer.")}
    state = {}
    for part, weight in expanded_gguf.tensors(reader):
        if any("norm" in name for name in part):
            weight = weight - 1  # the file holds 1 + weight
        if part[0] == "blk":
            name = f"model.layers.{part[1]}.{NAMES[part[2]]}.weight"
        else:
            name = {"token_embd": "model.embed_tokens.weight",
                    "output_norm": "model.norm.weight"}[part[0]]
        state[name] = torch.from_numpy(weight)
    config = transformers.Gemma3TextConfig(
        vocab_size=state["model.embed_tokens.weight"].shape[0],
        hidden_size=value["gemma3.embedding_length"],
        intermediate_size=value["gemma3.feed_forward_length"],
        num_hidden_layers=value["gemma3.block_count"],
        num_attention_heads=value["gemma3.attention.head_count"],
        num_key_value_heads=value["gemma3.attention.head_count_kv"],
        head_dim=value["gemma3.attention.key_length"],
        query_pre_attn_scalar=256,
        max_position_embeddings=value["gemma3.context_length"],
        rms_norm_eps=value["gemma3.attention.layer_norm_rms_epsilon"],
        sliding_window=value["gemma3.attention.sliding_window"],
        layer_types=["full_attention" if (i + 1) % 6 == 0 else "sliding_attention"
                     for i in range(value["gemma3.block_count"])],
        rope_parameters={
            "full_attention": {"rope_type": "default", "rope_theta": value["gemma3.rope.freq_base"]},
            "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0}},
        tie_word_embeddings=True,
    )
    config._attn_implementation = "eager"
    return expanded_gguf.fill(transformers.Gemma3ForCausalLM(config), state)


def main(path):
    model = load(path)
    print(json.dumps(expanded_gguf.describe()))
    for ids in prompts:
        logits = expanded_gguf.last_logits(model, ids)
        print(json.dumps(expanded_gguf.describe_logits(ids, logits, step=4096)))


if __name__ == "__main__":
    main(sys.argv[1])

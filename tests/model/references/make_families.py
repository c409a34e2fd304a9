"""Tiny decoders of every family, saved by `transformers`, and their logits.

    python make_families.py FOLDER

writes FOLDER/NAME/ for each family: `config.json`, the weights in bfloat16, and `logits.jsonl`, whose
first line describes how the file was made and each line after it is a sequence: its tokens and the
logits that follow the last of them. Weights are random, with the scales of a trained network, so that
attention is far from even and logits are between 1 and 10; they are rounded to bfloat16 before the
logits are computed, in float32.

Contexts are longer than every sliding window, and rotary scalings count from an original context of a
few positions, so that a fault in either changes most logits.
"""

import json
import pathlib
import sys

import torch
import transformers

VOCABULARY = 48
LENGTHS = [1, 3, 9, 30, 77, 120]

common = dict(vocab_size=VOCABULARY, hidden_size=32, intermediate_size=40, num_hidden_layers=2,
              num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=128,
              bos_token_id=1, eos_token_id=2, pad_token_id=0, tie_word_embeddings=False)


def config_of(kind, **settings):
    return kind(**{**common, **settings})


models = {
    "llama": (transformers.LlamaForCausalLM, config_of(
        transformers.LlamaConfig, rms_norm_eps=1e-5, rope_parameters={
            "rope_type": "llama3", "rope_theta": 500.0, "factor": 8.0, "low_freq_factor": 1.0,
            "high_freq_factor": 4.0, "original_max_position_embeddings": 16})),
    "mistral": (transformers.MistralForCausalLM, config_of(
        transformers.MistralConfig, head_dim=12, sliding_window=7,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0})),
    "qwen2": (transformers.Qwen2ForCausalLM, config_of(
        transformers.Qwen2Config, tie_word_embeddings=True, rope_parameters={
            "rope_type": "yarn", "rope_theta": 1000.0, "factor": 4.0, "beta_fast": 2.0,
            "original_max_position_embeddings": 32})),
    "qwen2_window": (transformers.Qwen2ForCausalLM, config_of(
        transformers.Qwen2Config, num_hidden_layers=3, use_sliding_window=True, sliding_window=5,
        max_window_layers=1, rope_parameters={"rope_type": "linear", "rope_theta": 1000.0,
                                              "factor": 4.0})),
    "qwen3": (transformers.Qwen3ForCausalLM, config_of(
        transformers.Qwen3Config, tie_word_embeddings=True, head_dim=16,
        rope_parameters={"rope_type": "default", "rope_theta": 1000000.0})),
    "gemma3": (transformers.Gemma3ForCausalLM, config_of(
        transformers.Gemma3TextConfig, tie_word_embeddings=True, num_hidden_layers=7,
        intermediate_size=16, num_attention_heads=2, num_key_value_heads=1, head_dim=8,
        sliding_window=6, query_pre_attn_scalar=12, rope_parameters={
            "full_attention": {"rope_type": "linear", "rope_theta": 1000.0, "factor": 8.0},
            "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0}})),
}


def fill(model, generator):
    gemma = model.config.model_type == "gemma3_text"
    for name, weight in model.named_parameters():
        noise = torch.randn(weight.shape, generator=generator)
        if "norm" in name:
            value = 0.3 * noise + (0 if gemma else 1)
        elif "embed_tokens" in name or "lm_head" in name:
            value = 0.5 * noise
        elif "bias" in name:
            value = 0.5 * noise
        else:
            sharp = 1.5 if "q_proj" in name or "k_proj" in name else 1.0
            value = sharp * noise / weight.shape[1] ** 0.5
        weight.data.copy_(value.bfloat16().float())


def main(folder):
    generator = torch.Generator().manual_seed(20)
    for name, (kind, config) in models.items():
        config._attn_implementation = "eager"
        model = kind(config).float().eval()
        fill(model, generator)
        lines = [{"made_by": {"torch": torch.__version__, "transformers": transformers.__version__}}]
        for length in LENGTHS:
            tokens = torch.randint(0, VOCABULARY, (1, length), generator=generator)
            with torch.inference_mode():
                logits = model(tokens).logits[0, -1]
            lines.append({"tokens": tokens[0].tolist(),
                          "logits": [round(x, 6) for x in logits.tolist()]})
        # One of them in several files.
        size = "12KB" if name == "mistral" else "1GB"
        target = pathlib.Path(folder) / name
        model.bfloat16().save_pretrained(target, max_shard_size=size)
        (target / "generation_config.json").unlink(missing_ok=True)
        (target / "logits.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


if __name__ == "__main__":
    main(sys.argv[1])

// The metadata of a GGUF of architecture "llama", checked.
#ifndef TANDEM_MODEL_LLAMA_CONFIG_H_
#define TANDEM_MODEL_LLAMA_CONFIG_H_

#include <vector>

#include "model/gguf.h"
#include "model/llama.h"

namespace tandem {

// Throws kUnsupported for another architecture, kCorrupt for numbers that are missing or cannot be
// true together. Nothing is allocated by them before this.
LlamaConfig read_llama_config(const GgufFile& file);

// The angle, in radians, that each pair of a head turns by from one position to the next: shape
// [rotary_size / 2]. Positions are scaled as `llama.rope.scaling.*` and `rope_freqs.weight` say
// (linear, and the factors of Llama 3.1); kUnsupported for others.
std::vector<double> rotary_frequencies(const GgufFile& file, const LlamaConfig& config);

// Refuses, with kUnsupported, a file that holds tensors this family does not know (biases,
// experts): leaving them out would give wrong logits without any error.
void check_llama_tensors(const GgufFile& file, const LlamaConfig& config);

}  // namespace tandem

#endif  // TANDEM_MODEL_LLAMA_CONFIG_H_

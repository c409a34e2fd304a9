// Going on past the context that a model was trained for: attention sinks and a window.
//
// The first positions of a sequence stay, since attention rests on them whatever they say; the
// oldest of the others are forgotten, and those after them move up to their places, so that no
// position is ever beyond the context (Xiao et al. 2023, "Efficient Streaming Language Models with
// Attention Sinks", arXiv:2309.17453, section 3.2).
#ifndef TANDEM_MODEL_KV_WINDOW_H_
#define TANDEM_MODEL_KV_WINDOW_H_

#include "model/decoder_config.h"
#include "model/kernels/thread_team.h"
#include "model/kv_cache.h"

namespace tandem {

// Blocks that stay at the beginning, and how many after them are forgotten at once: a quarter of
// the context, so that keys are turned, and rounded, few times in their lives.
inline constexpr int kSinkBlocks = 1;
int forgotten_blocks(int context_length);

// Whether a context has room for sinks and a window worth the name.
bool window_fits(int context_length);

// Takes `count` blocks out of a sequence, from the `first`-th on, and turns the keys of all that
// follow back by as many positions. Blocks that others hold as well are copied before they are
// written; false, and nothing has happened, when the pool has too few for that. The team computes.
bool forget_blocks(const DecoderConfig& config, KvSequence& sequence, int first, int count,
                   ThreadTeam& team);

}  // namespace tandem

#endif  // TANDEM_MODEL_KV_WINDOW_H_

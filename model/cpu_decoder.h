// Executes a decoder on the CPU, on quantised weights as they are in the file: several sequences in
// one step, several tokens of each.
//
// The step is plain code over model/kernels, computed by a team of threads that meet some 150
// times; LibTorch's dispatch of its operators alone would take half the time of a step.
//
// The result for a token depends on its sequence alone, never on what else is in the step: greedy
// decoding gives the same text whatever the load. Tokens of a prompt (kPrompt) may be computed by
// other instructions than decoded ones (kDecoded), which are slower for one row and faster for
// hundreds; a step never chooses between them by the number of rows it happens to have.
#ifndef TANDEM_MODEL_CPU_DECODER_H_
#define TANDEM_MODEL_CPU_DECODER_H_

#include <memory>

#include "model/decoder_executor.h"
#include "model/weights.h"

namespace tandem {

class CpuDecoder : public DecoderExecutor {
 public:
  // `weights` holds the tensors that `config` names, by their GGUF names; it is not needed later.
  // `threads` compute a step. Throws kCorrupt for a missing, misshapen or not finite tensor and
  // kUnsupported for what the kernels do not know.
  static std::unique_ptr<CpuDecoder> load(const WeightFile& weights, const DecoderConfig& config,
                                          int threads);
};

}  // namespace tandem

#endif  // TANDEM_MODEL_CPU_DECODER_H_

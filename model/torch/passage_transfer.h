// Passages that were read by themselves (model/passage_kv.h), between their records and the blocks
// of a device. A record is the same whichever executor made it.
#ifndef TANDEM_MODEL_TORCH_PASSAGE_TRANSFER_H_
#define TANDEM_MODEL_TORCH_PASSAGE_TRANSFER_H_

#include <memory>

#include "model/decoder_config.h"
#include "model/passage_kv.h"
#include "model/torch/device_kv_pool.h"

namespace tandem::device {

// As PassageKv::pack(), of a sequence whose blocks are those of `tensors`.
std::shared_ptr<const PassageKv> pack_passage(const DecoderConfig& config,
                                              const KvSequence& sequence, KvTensors& tensors);

// As PassageKv::append_to(). The sequence is advanced.
void append_passage(const DecoderConfig& config, const PassageKv& passage, KvSequence& sequence,
                    KvTensors& tensors);

}  // namespace tandem::device

#endif  // TANDEM_MODEL_TORCH_PASSAGE_TRANSFER_H_

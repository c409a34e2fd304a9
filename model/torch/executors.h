// What this folder offers through the plug-in (model/torch_plugin.h says what each does).
#ifndef TANDEM_MODEL_TORCH_EXECUTORS_H_
#define TANDEM_MODEL_TORCH_EXECUTORS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "model/bert_executors.h"
#include "model/device_decoder.h"
#include "model/device_vectors.h"
#include "model/torch_decoder.h"

namespace tandem::torch_executors {

std::unique_ptr<BertModel> load_bert(const BertCheckpoint& checkpoint);
std::unique_ptr<TorchDecoder> load_decoder(const DecoderWeights& weights);
std::unique_ptr<DeviceDecoder> load_device_decoder(const WeightFile& weights,
                                                   const DecoderConfig& config,
                                                   std::shared_ptr<DeviceRuntime> runtime,
                                                   const DeviceDecoderOptions& options);
std::unique_ptr<DeviceVectors> load_device_vectors(std::span<const std::uint16_t> values,
                                                   std::size_t dimension, HalfPrecision type,
                                                   const DeviceRuntime& runtime,
                                                   const DeviceVectorsOptions& options);

}  // namespace tandem::torch_executors

#endif  // TANDEM_MODEL_TORCH_EXECUTORS_H_

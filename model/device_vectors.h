// Vectors in the memory of a device, and the nearest of them by inner product: all of them are
// compared, by a product of matrices and a selection (Johnson, Douze and Jégou 2017, section 5.3).
//
// What is computed is LibTorch's, as for DeviceDecoder, and is tested on the processor. (FAISS's
// indexes for GPUs have to be compiled by nvcc for each kind of GPU, and version 1.7.3 can neither
// pass over deleted rows nor return more than 2,048: docs/decisions.md.)
#ifndef TANDEM_MODEL_DEVICE_VECTORS_H_
#define TANDEM_MODEL_DEVICE_VECTORS_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <vector>

#include "model/device_runtime.h"

namespace tandem {

struct DeviceVectorsOptions {
  // Products that are held at once, of all queries of a call together, 4 bytes each: the memory
  // that a call takes beside the vectors is a few times as much.
  std::size_t scores_at_once = std::size_t{1} << 27;
};

enum class HalfPrecision { kBFloat16, kFloat16 };

// For one thread at a time.
class DeviceVectors {
 public:
  // In the place of a row that is not there.
  static constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();

  // `values` is [rows, dimension], finite numbers; it is copied. Throws kResourceExhausted if the
  // device has no memory for it, and what torch_plugin() throws.
  static std::unique_ptr<DeviceVectors> load(std::span<const std::uint16_t> values,
                                             std::size_t dimension, HalfPrecision type,
                                             const DeviceRuntime& runtime,
                                             const DeviceVectorsOptions& options = {});
  virtual ~DeviceVectors() = default;

  // From now on only rows whose byte is not 0 are found; all if it is empty. [rows] otherwise.
  virtual void admit(std::span<const std::uint8_t> admitted) = 0;

  // `queries` is [count, dimension], finite numbers. Returns [count, min(k, rows)]: the rows
  // nearest to each, best first, kNone behind the last one where fewer are admitted. They are
  // compared in half precision, summed in single: of rows that it cannot tell apart, any may come.
  // Throws kResourceExhausted where the device's memory does not do.
  virtual std::vector<std::uint32_t> nearest(std::span<const float> queries, std::size_t k) = 0;
};

}  // namespace tandem

#endif  // TANDEM_MODEL_DEVICE_VECTORS_H_

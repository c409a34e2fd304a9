#include "model/device_vectors.h"

#include <ATen/ops/gather.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/topk.h>

#include <algorithm>
#include <string>
#include <tuple>
#include <utility>

#include "base/error.h"
#include "model/torch/aten.h"
#include "model/torch/executors.h"
#include "model/torch/torch_threads.h"

namespace tandem {
namespace {

constexpr float kLowest = -std::numeric_limits<float>::infinity();

// Without the list of kernels that LibTorch adds.
std::string first_line(const c10::Error& error) {
  const std::string message = error.what_without_backtrace();
  return message.substr(0, message.find('\n'));
}

template <typename Call>
auto on_device(const Call& call) {
  try {
    return call();
  } catch (const c10::OutOfMemoryError& error) {
    throw Error(
        ErrorCode::kResourceExhausted,
        std::string("the device has no memory for the vectors: ") + error.what_without_backtrace());
  } catch (const c10::Error& error) {
    throw Error(ErrorCode::kInternal, "the device does not search: " + first_line(error));
  }
}

// [queries, rows], in single precision. LibTorch sums up to that only on a GPU; on the processor
// the halves are widened first.
at::Tensor inner_products(const at::Tensor& queries, const at::Tensor& rows) {
  if (rows.is_cuda()) return at::mm(queries, rows.t(), at::kFloat);
  return at::mm(queries.to(at::kFloat), rows.to(at::kFloat).t());
}

class TorchVectors final : public DeviceVectors {
 public:
  TorchVectors(at::Tensor vectors, const DeviceVectorsOptions& options)
      : vectors_(std::move(vectors)), options_(options) {}

  void admit(std::span<const std::uint8_t> admitted) override {
    const c10::InferenceMode inference;
    dropped_ = at::Tensor();
    if (admitted.empty()) return;
    TANDEM_CHECK(admitted.size() == static_cast<std::size_t>(rows()));
    on_device([&] {
      dropped_ = at::from_blob(const_cast<std::uint8_t*>(admitted.data()), {rows()}, at::kByte)
                     .to(vectors_.device())
                     .eq(0);
    });
  }

  std::vector<std::uint32_t> nearest(std::span<const float> queries, std::size_t k) override {
    const c10::InferenceMode inference;
    apply_torch_threads();
    const std::int64_t columns = vectors_.size(1);
    TANDEM_CHECK(queries.size() % static_cast<std::size_t>(columns) == 0);
    const auto count = static_cast<std::int64_t>(queries.size()) / columns;
    const std::int64_t found =
        std::min(static_cast<std::int64_t>(std::min<std::size_t>(k, kNone)), rows());
    std::vector<std::uint32_t> result(static_cast<std::size_t>(count * found), kNone);
    if (result.empty()) return result;
    const auto [scores, places] = on_device([&] {
      const at::Tensor placed =
          at::from_blob(const_cast<float*>(queries.data()), {count, columns}, at::kFloat)
              .to(vectors_.device(), vectors_.scalar_type());
      auto best = select(placed, found);
      return std::pair(best.first.cpu(), best.second.cpu());
    });
    const float* const score = scores.const_data_ptr<float>();
    const std::int64_t* const place = places.const_data_ptr<std::int64_t>();
    for (std::size_t i = 0; i < result.size(); ++i) {
      if (score[i] != kLowest) result[i] = static_cast<std::uint32_t>(place[i]);
    }
    return result;
  }

 private:
  std::int64_t rows() const { return vectors_.size(0); }

  // Scores and places of the best, [queries, found] each, from block after block of rows.
  std::pair<at::Tensor, at::Tensor> select(const at::Tensor& queries, std::int64_t found) const {
    const std::int64_t block_rows =
        std::max(static_cast<std::int64_t>(options_.scores_at_once) / queries.size(0), found);
    std::pair<at::Tensor, at::Tensor> best;
    for (std::int64_t begin = 0; begin < rows(); begin += block_rows) {
      const std::int64_t count = std::min(block_rows, rows() - begin);
      at::Tensor scores = inner_products(queries, vectors_.narrow(0, begin, count));
      if (dropped_.defined()) scores.masked_fill_(dropped_.narrow(0, begin, count), kLowest);
      auto [values, places] = at::topk(scores, std::min(found, count), 1, true, true);
      places = places + begin;
      if (best.first.defined()) {
        const at::Tensor all = at::cat({best.first, values}, 1);
        at::Tensor which;
        std::tie(values, which) = at::topk(all, std::min(found, all.size(1)), 1, true, true);
        places = at::cat({best.second, places}, 1).gather(1, which);
      }
      best = {values, places};
    }
    return best;
  }

  at::Tensor vectors_;  // [rows, dimension]
  DeviceVectorsOptions options_;
  at::Tensor dropped_;  // [rows]; not defined while all are admitted
};

}  // namespace

std::unique_ptr<DeviceVectors> torch_executors::load_device_vectors(
    std::span<const std::uint16_t> values, std::size_t dimension, HalfPrecision type,
    const DeviceRuntime& runtime, const DeviceVectorsOptions& options) {
  TANDEM_CHECK(dimension > 0 && values.size() % dimension == 0 && options.scores_at_once > 0);
  const c10::InferenceMode inference;
  return on_device([&]() -> std::unique_ptr<DeviceVectors> {
    const at::Tensor here =
        at::from_blob(const_cast<std::uint16_t*>(values.data()),
                      {static_cast<std::int64_t>(values.size() / dimension),
                       static_cast<std::int64_t>(dimension)},
                      type == HalfPrecision::kBFloat16 ? at::kBFloat16 : at::kHalf);
    at::Tensor there = at::empty(here.sizes(), here.options().device(at::Device(runtime.device())));
    there.copy_(here);
    return std::make_unique<TorchVectors>(std::move(there), options);
  });
}

}  // namespace tandem

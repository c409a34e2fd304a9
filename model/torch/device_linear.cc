#include "model/torch/device_linear.h"

namespace tandem::device {
namespace {

// Up to so many rows, the kernel for weights of 8 bits reads less than expanding them would.
constexpr std::int64_t kFewRows = 16;
constexpr float kLargest = 127;

// The processor's kernel reads beyond the end of rows that are not a multiple of its registers, and
// does not say so.
constexpr std::int64_t kPackedMultiple = 64;

bool has_kernel(const char* name, at::Device device) {
  const auto op = c10::Dispatcher::singleton().findSchema({name, ""});
  return op && op->hasKernelForDispatchKey(device.is_cuda() ? c10::DispatchKey::CUDA
                                                            : c10::DispatchKey::CPU);
}

}  // namespace

DeviceLinear::DeviceLinear(const at::Tensor& weight, DeviceWeightFormat format, at::ScalarType type,
                           at::Device device) {
  if (format == DeviceWeightFormat::kFull) {
    weight_ = weight.to(device, type);
    return;
  }
  const at::Tensor largest = weight.abs().amax(1);
  // A row of zeros is zeros whatever its scale.
  const at::Tensor scales = at::where(largest > 0, largest / kLargest, at::ones_like(largest));
  // The scales are rounded first, so that the numbers are the best ones for what they are
  // multiplied by.
  scales_ = scales.to(type);
  weight_ = (weight / scales_.to(at::kFloat).unsqueeze(1))
                .round_()
                .clamp_(-kLargest, kLargest)
                .to(device, at::kChar);
  scales_ = scales_.to(device);
  has_packed_kernel_ = weight.size(0) % kPackedMultiple == 0 &&
                       weight.size(1) % kPackedMultiple == 0 &&
                       has_kernel("aten::_weight_int8pack_mm", device);
}

at::Tensor DeviceLinear::operator()(const at::Tensor& x) const {
  if (!scales_.defined()) return at::linear(x, weight_);
  if (has_packed_kernel_ && x.size(0) <= kFewRows)
    // LibTorch 2.11's for CUDA gives floats whatever it is given.
    return at::_weight_int8pack_mm(x, weight_, scales_).to(x.scalar_type());
  return at::linear(x, weight_.to(x.scalar_type())).mul_(scales_);
}

at::Tensor DeviceLinear::take_rows(const at::Tensor& indices) const {
  const at::Tensor rows = at::index_select(weight_, 0, indices).to(at::kFloat);
  return scales_.defined() ? rows.mul(at::index_select(scales_, 0, indices).unsqueeze(1)) : rows;
}

std::size_t DeviceLinear::size_bytes() const {
  return weight_.nbytes() + (scales_.defined() ? scales_.nbytes() : 0);
}

}  // namespace tandem::device

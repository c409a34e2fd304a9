// Linear layers on a LibTorch device, with weights of 16 or 8 bits.
//
// 8 bits: w = scale of its row * a whole number from -127 to 127, rows being those of the output
// ("per-channel" quantisation; Dettmers et al. 2022, arXiv:2208.07339, without its outliers). They
// take half the memory. A few rows are multiplied by the device's kernel for such weights where it
// has one; for many, weights are expanded first. LibTorch 2.11's kernel for CUDA is a plain one (a
// thread for each number of the result), so that half the memory is not half the time.
#ifndef TANDEM_MODEL_TORCH_DEVICE_LINEAR_H_
#define TANDEM_MODEL_TORCH_DEVICE_LINEAR_H_

#include <cstddef>

#include "model/device_decoder.h"
#include "model/torch/aten.h"

namespace tandem::device {

// y = x W^T. Immutable; safe from any thread.
class DeviceLinear {
 public:
  DeviceLinear() = default;
  // `weight` is [out, in], float, in this process's memory. `type` is what is computed with.
  DeviceLinear(const at::Tensor& weight, DeviceWeightFormat format, at::ScalarType type,
               at::Device device);

  // [rows, in] to [rows, out].
  at::Tensor operator()(const at::Tensor& x) const;
  // The weight's rows of these indices, as floats.
  at::Tensor take_rows(const at::Tensor& indices) const;

  std::size_t size_bytes() const;

 private:
  at::Tensor weight_;  // [out, in]
  at::Tensor scales_;  // [out]; undefined where weights are of 16 bits or more
  bool has_packed_kernel_ = false;
};

}  // namespace tandem::device

#endif  // TANDEM_MODEL_TORCH_DEVICE_LINEAR_H_

#include "model/kernels/activations.h"

namespace tandem::kernels {

ActivationRows::ActivationRows(std::size_t max_rows, std::size_t columns)
    : columns_(columns), groups_((columns + kGroup - 1) / kGroup) {
  constexpr std::size_t kAlignment = 64;
  const std::size_t bytes = groups_ * (kGroup + 2 * sizeof(float) + 3 * sizeof(std::int32_t));
  row_bytes_ = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  bytes_ = PageBuffer(max_rows * row_bytes_);
}

std::int8_t* ActivationRows::values(std::size_t row) const {
  return reinterpret_cast<std::int8_t*>(bytes_.data() + row * row_bytes_);
}

float* ActivationRows::scales(std::size_t row) const {
  return reinterpret_cast<float*>(bytes_.data() + row * row_bytes_ + groups_ * kGroup);
}

std::int32_t* ActivationRows::sums(std::size_t row) const {
  return reinterpret_cast<std::int32_t*>(bytes_.data() + row * row_bytes_ +
                                         groups_ * (kGroup + sizeof(float)));
}

std::int32_t* ActivationRows::offsets(std::size_t row) const {
  return sums(row) + 2 * groups_;
}

float* ActivationRows::shifts(std::size_t row) const {
  return reinterpret_cast<float*>(offsets(row) + groups_);
}

}  // namespace tandem::kernels

// What the tests of losses share: tensors in double precision and derivatives by finite
// differences.
#ifndef TANDEM_TESTS_TRAINER_LOSSES_H_
#define TANDEM_TESTS_TRAINER_LOSSES_H_

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros_like.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <vector>

namespace tandem::testing {

inline at::Tensor doubles(const std::vector<double>& values, at::IntArrayRef shape) {
  at::Tensor tensor = at::empty(shape, at::kDouble);
  std::copy(values.begin(), values.end(), tensor.mutable_data_ptr<double>());
  return tensor;
}

inline at::Tensor flags(const std::vector<bool>& values, at::IntArrayRef shape) {
  at::Tensor tensor = at::empty(shape, at::kBool);
  std::copy(values.begin(), values.end(), tensor.mutable_data_ptr<bool>());
  return tensor;
}

inline at::Tensor random_normal(std::mt19937& random, at::IntArrayRef shape, double mean = 0) {
  at::Tensor tensor = at::empty(shape, at::kDouble);
  double* const data = tensor.mutable_data_ptr<double>();
  std::normal_distribution<double> normal(mean, 1);
  for (std::int64_t i = 0; i < tensor.numel(); ++i) data[i] = normal(random);
  return tensor;
}

// Checks the gradient of `loss` with respect to `input`, a contiguous tensor that `loss` reads each
// time it is called, against central differences.
inline void expect_gradient(const at::Tensor& input, const std::function<at::Tensor()>& loss,
                            const std::string& name) {
  input.requires_grad_(true);
  loss().backward();
  const at::Tensor gradient = input.grad().contiguous().clone();
  input.mutable_grad() = at::Tensor();
  input.requires_grad_(false);
  double* const values = input.mutable_data_ptr<double>();
  for (std::int64_t i = 0; i < input.numel(); ++i) {
    constexpr double kStep = 1e-5;
    const double value = values[i];
    values[i] = value + kStep;
    const double above = loss().item<double>();
    values[i] = value - kStep;
    const double below = loss().item<double>();
    values[i] = value;
    ASSERT_NEAR(gradient.const_data_ptr<double>()[i], (above - below) / (2 * kStep), 1e-7)
        << name << " " << i;
  }
}

}  // namespace tandem::testing

#endif  // TANDEM_TESTS_TRAINER_LOSSES_H_

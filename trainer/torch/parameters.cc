#include "trainer/torch/parameters.h"

#include <ATen/CPUGeneratorImpl.h>

#include <cmath>
#include <utility>

#include "model/torch/tensors.h"

namespace tandem::training {

at::Tensor Matrix::operator()(const at::Tensor& x, const at::Tensor& bias) const {
  const auto type = x.scalar_type();
  const at::Tensor y = bias.defined() ? at::linear(x, weight.to(type), bias.to(type))
                                      : at::linear(x, weight.to(type));
  if (!a.defined()) return y;
  return y + at::linear(at::linear(x, a.to(type)), b.to(type)) * scale;
}

at::Tensor side_by_side(std::span<const Matrix> matrices, std::span<const at::Tensor> biases,
                        const at::Tensor& x) {
  const auto type = x.scalar_type();
  std::vector<at::Tensor> weights, added, products;
  for (const Matrix& matrix : matrices) {
    weights.push_back(matrix.weight.to(type));
    if (matrix.a.defined())
      products.push_back(at::linear(at::linear(x, matrix.a.to(type)), matrix.b.to(type)) *
                         matrix.scale);
  }
  for (const at::Tensor& bias : biases)
    if (bias.defined()) added.push_back(bias.to(type));
  const at::Tensor weight = at::cat(weights);
  const at::Tensor y =
      added.empty() ? at::linear(x, weight) : at::linear(x, weight, at::cat(added));
  return products.empty() ? y : y + at::cat(products, 1);
}

Parameters::Parameters(const WeightFile& file, std::string prefix, const NetworkOptions& options,
                       std::uint64_t seed)
    : file_(file), prefix_(std::move(prefix)), options_(options), seed_(seed) {}

at::Tensor Parameters::load(const std::string& name, std::initializer_list<std::int64_t> shape,
                            bool learns, bool decays) {
  at::Tensor tensor = load_tensor(file_, prefix_ + name, shape);
  if (!learns || !options_.trained) return tensor;
  tensor.requires_grad_();
  learned_.push_back({prefix_ + name, tensor, decays});
  return tensor;
}

Matrix Parameters::matrix(const std::string& name, std::int64_t rows, std::int64_t columns) {
  const bool lora = options_.trained && options_.lora_rank > 0;
  Matrix matrix;
  matrix.weight = load(name, {rows, columns}, !lora, true);
  if (lora) {
    // As the paper begins: a of a normal distribution, b of zeros, so that nothing changes at
    // first.
    auto generator = at::make_generator<at::CPUGeneratorImpl>(seed_ + entries_.size());
    const auto rank = std::int64_t{options_.lora_rank};
    matrix.a = at::empty({rank, columns}, at::kFloat)
                   .normal_(0, 1 / std::sqrt(static_cast<double>(columns)), generator)
                   .requires_grad_();
    matrix.b = at::zeros({rows, rank}, at::kFloat).requires_grad_();
    matrix.scale = options_.lora_alpha / static_cast<double>(rank);
    learned_.push_back({prefix_ + name + ".lora_a", matrix.a, true});
    learned_.push_back({prefix_ + name + ".lora_b", matrix.b, true});
  }
  entries_.push_back({prefix_ + name, matrix});
  return matrix;
}

at::Tensor Parameters::table(const std::string& name, std::int64_t rows, std::int64_t columns) {
  const at::Tensor tensor = load(name, {rows, columns}, options_.lora_rank == 0, true);
  entries_.push_back({prefix_ + name, {.weight = tensor}});
  return tensor;
}

at::Tensor Parameters::vector(const std::string& name, std::int64_t size) {
  const at::Tensor tensor = load(name, {size}, options_.lora_rank == 0, false);
  entries_.push_back({prefix_ + name, {.weight = tensor}});
  return tensor;
}

void Parameters::visit(const WeightVisitor& visit) const {
  const at::NoGradGuard no_grad;
  for (const auto& [name, matrix] : entries_) {
    at::Tensor value = matrix.weight;
    if (matrix.a.defined()) value = value + at::matmul(matrix.b, matrix.a) * matrix.scale;
    value = value.contiguous();
    visit(name, value.sizes(),
          {value.const_data_ptr<float>(), static_cast<std::size_t>(value.numel())});
  }
}

LowRankChanges Parameters::changes() const {
  const auto numbers = [](const at::Tensor& tensor) {
    const at::Tensor values = tensor.detach().contiguous();
    const auto* const first = values.const_data_ptr<float>();
    return std::vector<float>(first, first + values.numel());
  };
  LowRankChanges changes;
  for (const auto& [name, matrix] : entries_)
    if (matrix.a.defined())
      changes[name] = {matrix.a.size(0), numbers(matrix.a), numbers(matrix.b)};
  return changes;
}

}  // namespace tandem::training

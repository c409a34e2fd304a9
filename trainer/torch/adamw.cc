#include "trainer/torch/adamw.h"

#include <cmath>
#include <optional>

namespace tandem::training {

AdamW::AdamW(const Parameters& parameters, double weight_decay) : weight_decay_(weight_decay) {
  for (const auto& parameter : parameters.learned())
    slots_.push_back({parameter, at::zeros_like(parameter.tensor), at::zeros_like(parameter.tensor),
                      at::zeros({}, at::kFloat)});
}

void AdamW::add_up_gradients(WorkerGroup& workers) {
  if (workers.size() == 1) return;
  const at::NoGradGuard no_grad;
  // Who had no share of a batch has no gradient where others have one.
  std::vector<float> counts;
  for (const Slot& slot : slots_)
    counts.push_back(slot.parameter.tensor.grad().defined() ? 1.0f : 0.0f);
  workers.add_up(counts);
  // Many small tensors at once: each exchange waits for the network.
  constexpr std::int64_t kMostNumbers = std::int64_t{1} << 22;
  std::vector<at::Tensor> gradients;
  std::int64_t numbers = 0;
  const auto exchange = [&] {
    if (gradients.empty()) return;
    std::vector<at::Tensor> flat;
    flat.reserve(gradients.size());
    for (const at::Tensor& gradient : gradients) flat.push_back(gradient.reshape({-1}));
    const at::Tensor all = at::cat(flat);
    workers.add_up({all.mutable_data_ptr<float>(), static_cast<std::size_t>(numbers)});
    std::int64_t begin = 0;
    for (const at::Tensor& gradient : gradients) {
      gradient.copy_(all.narrow(0, begin, gradient.numel()).view(gradient.sizes()));
      begin += gradient.numel();
    }
    gradients.clear();
    numbers = 0;
  };
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (counts[i] == 0) continue;
    const at::Tensor& tensor = slots_[i].parameter.tensor;
    if (!tensor.grad().defined()) tensor.mutable_grad() = at::zeros_like(tensor);
    if (numbers + tensor.numel() > kMostNumbers) exchange();
    gradients.push_back(tensor.grad());
    numbers += tensor.numel();
  }
  exchange();
}

double AdamW::gradient_norm() const {
  double squares = 0;
  for (const Slot& slot : slots_) {
    if (!slot.parameter.tensor.grad().defined()) continue;
    const double norm = slot.parameter.tensor.grad().norm().item<double>();
    squares += norm * norm;
  }
  return std::sqrt(squares);
}

void AdamW::step(double rate, double gradient_divisor) {
  const at::NoGradGuard no_grad;
  const auto divisor =
      gradient_divisor == 1 ? std::nullopt : std::optional(at::full({}, gradient_divisor));
  for (const bool decays : {true, false}) {
    std::vector<at::Tensor> values, gradients, means, squares, steps;
    for (const Slot& slot : slots_) {
      if (slot.parameter.decays != decays || !slot.parameter.tensor.grad().defined()) continue;
      values.push_back(slot.parameter.tensor);
      gradients.push_back(slot.parameter.tensor.grad());
      means.push_back(slot.mean);
      squares.push_back(slot.square);
      slot.steps.add_(1);
      steps.push_back(slot.steps);
    }
    if (values.empty()) continue;
    at::_fused_adamw_(values, gradients, means, squares, {}, steps, rate, 0.9, 0.999,
                      decays ? weight_decay_ : 0.0, 1e-8, /*amsgrad=*/false, /*maximize=*/false,
                      divisor);
  }
}

void AdamW::clear_gradients() {
  for (Slot& slot : slots_) slot.parameter.tensor.mutable_grad().reset();
}

std::vector<std::pair<std::string, at::Tensor>> AdamW::state() const {
  std::vector<std::pair<std::string, at::Tensor>> all;
  for (const Slot& slot : slots_) {
    all.emplace_back(slot.parameter.name, slot.parameter.tensor);
    all.emplace_back(slot.parameter.name + ".mean", slot.mean);
    all.emplace_back(slot.parameter.name + ".square", slot.square);
    all.emplace_back(slot.parameter.name + ".steps", slot.steps);
  }
  return all;
}

}  // namespace tandem::training

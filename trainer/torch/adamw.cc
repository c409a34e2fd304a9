#include "trainer/torch/adamw.h"

#include <cmath>
#include <optional>

namespace tandem::training {

AdamW::AdamW(const Parameters& parameters, double weight_decay) : weight_decay_(weight_decay) {
  for (const auto& parameter : parameters.learned())
    slots_.push_back({parameter, at::zeros_like(parameter.tensor), at::zeros_like(parameter.tensor),
                      at::zeros({}, at::kFloat)});
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

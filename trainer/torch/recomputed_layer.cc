#include "trainer/torch/recomputed_layer.h"

#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include <optional>

namespace tandem::training {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct Layer : torch::CustomClassHolder {
  LayerFunction function;
};

class RecomputedFunction : public torch::autograd::Function<RecomputedFunction> {
 public:
  static variable_list forward(AutogradContext* context, const at::Tensor& rows,
                               const std::optional<at::Tensor>& change,
                               const c10::intrusive_ptr<Layer>& layer) {
    context->save_for_backward({rows, change.value_or(at::Tensor())});
    context->saved_data["layer"] = c10::IValue::make_capsule(layer);
    auto [next, next_change] = layer->function({rows, change.value_or(at::Tensor())});
    return {next, next_change};
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto holder = context->saved_data["layer"].toCapsule();
    variable_list inputs;
    for (const at::Tensor& saved : context->get_saved_variables())
      inputs.push_back(saved.defined() ? saved.detach().requires_grad_() : saved);
    const at::AutoGradMode with_gradient(true);
    const auto [next, next_change] =
        static_cast<const Layer&>(*holder).function({inputs[0], inputs[1]});
    torch::autograd::backward({next, next_change}, gradients);
    return {inputs[0].grad(), inputs[1].defined() ? inputs[1].grad() : at::Tensor(), {}};
  }
};

}  // namespace

LayerState recomputed(const LayerFunction& layer, const LayerState& state) {
  auto holder = c10::make_intrusive<Layer>();
  holder->function = layer;
  const auto change = state.second.defined() ? std::optional(state.second) : std::nullopt;
  const variable_list next = RecomputedFunction::apply(state.first, change, holder);
  return {next[0], next[1]};
}

}  // namespace tandem::training

#include "model/torch/linear.h"

#include <optional>
#include <string_view>

namespace tandem {
namespace {

// These operators have no header of their own: they are registered by name only (LibTorch's
// compiler is their usual caller).
using ReorderWeight = at::Tensor(const at::Tensor&, std::optional<int64_t>);
using LinearPointwise = at::Tensor(const at::Tensor&, const at::Tensor&,
                                   const std::optional<at::Tensor>&, std::string_view,
                                   c10::List<std::optional<at::Scalar>>,
                                   std::optional<std::string_view>);

// The number of rows that oneDNN chooses the layout for; any other number works with it as well.
constexpr int64_t kTypicalRows = 1024;

std::optional<c10::OperatorHandle> find_operator(const char* name) {
  return c10::Dispatcher::singleton().findSchema({name, ""});
}

}  // namespace

PackedLinear::PackedLinear(const at::Tensor& weight, const at::Tensor& bias, Activation activation)
    : weight_(weight), bias_(bias), activation_(activation) {
  const auto reorder = find_operator("mkldnn::_reorder_linear_weight");
  if (!reorder || !find_operator("mkldnn::_linear_pointwise") || !at::globalContext().hasMKLDNN())
    return;
  weight_ = reorder->typed<ReorderWeight>().call(weight, kTypicalRows);
  packed_ = true;
}

at::Tensor PackedLinear::operator()(const at::Tensor& x) const {
  const bool gelu = activation_ == Activation::kGelu;
  if (!packed_) {
    at::Tensor y = at::linear(x, weight_, bias_);
    return gelu ? at::gelu(y) : y;
  }
  static const auto op =
      find_operator("mkldnn::_linear_pointwise").value().typed<LinearPointwise>();
  return op.call(x, weight_, bias_, gelu ? "gelu" : "none", c10::List<std::optional<at::Scalar>>(),
                 gelu ? "none" : "");
}

}  // namespace tandem

#include "trainer/torch/fused_functions.h"

#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "base/error.h"
#include "trainer/torch/attention_kernels.h"
#include "trainer/torch/row_kernels.h"

namespace tandem::training {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

// Rows that one thread takes at a time, and that are summed before the sums are.
constexpr std::int64_t kRows = 64;

// Calls work(part, begin, end) for parts of the rows, in any order.
template <class Work>
void for_rows(std::int64_t rows, const Work& work) {
  at::parallel_for(0, (rows + kRows - 1) / kRows, 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t part = first; part < last; ++part)
      work(part, part * kRows, std::min(rows, (part + 1) * kRows));
  });
}

// Calls work(zero of the type) with the type of numbers.
template <class Work>
void with_type(at::ScalarType type, const Work& work) {
  TANDEM_CHECK(type == at::kFloat || type == at::kBFloat16);
  type == at::kFloat ? work(0.0f) : work(BFloat16(0));
}

// The first number of a row; null of an undefined tensor.
template <class Number>
const Number* row_of(const at::Tensor& tensor, std::int64_t row) {
  return tensor.defined() ? tensor.const_data_ptr<Number>() + row * tensor.size(1) : nullptr;
}
template <class Number>
Number* row_of_output(const at::Tensor& tensor, std::int64_t row) {
  return tensor.defined() ? tensor.mutable_data_ptr<Number>() + row * tensor.size(1) : nullptr;
}

class AddNormFunction : public Function<AddNormFunction> {
 public:
  static variable_list forward(AutogradContext* context, const at::Tensor& x,
                               const std::optional<at::Tensor>& change, const at::Tensor& factor,
                               double epsilon, at::ScalarType type) {
    const at::Tensor from = x.contiguous();
    const at::Tensor added = change ? change->contiguous() : at::Tensor();
    const std::int64_t rows = from.size(0), width = from.size(1);
    TANDEM_CHECK(from.scalar_type() == at::kFloat && factor.numel() == width);
    TANDEM_CHECK(!added.defined() || (added.scalar_type() == type && added.sizes() == x.sizes()));
    const at::Tensor sum = added.defined() ? at::empty_like(from) : at::Tensor();
    const at::Tensor scale = at::empty({rows, 1}, at::kFloat);
    const at::Tensor out = at::empty({rows, width}, from.options().dtype(type));
    with_type(type, [&](auto zero) {
      using Number = decltype(zero);
      for_rows(rows, [&](std::int64_t, std::int64_t begin, std::int64_t end) {
        add_norm(AddNorm<Number>{end - begin, width, row_of<float>(from, begin),
                                 row_of<Number>(added, begin), factor.const_data_ptr<float>(),
                                 static_cast<float>(epsilon), row_of_output<float>(sum, begin),
                                 row_of_output<float>(scale, begin),
                                 row_of_output<Number>(out, begin)});
      });
    });
    context->save_for_backward({added.defined() ? sum : x, factor, scale});
    context->saved_data["added"] = added.defined();
    context->set_materialize_grads(false);
    return added.defined() ? variable_list{sum, out} : variable_list{out};
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor sum = saved[0].contiguous(), &factor = saved[1], &scale = saved[2];
    const bool added = context->saved_data["added"].toBool();
    at::Tensor of_sum = added ? gradients[0] : at::Tensor();
    at::Tensor of_out = gradients.back();
    const std::int64_t rows = sum.size(0), width = sum.size(1);
    TANDEM_CHECK(of_out.defined());  // nothing uses the sum alone
    of_out = of_out.contiguous();
    if (of_sum.defined()) of_sum = of_sum.contiguous();
    const at::Tensor of_x = at::empty_like(sum);
    const at::Tensor of_change = added ? at::empty(sum.sizes(), of_out.options()) : at::Tensor();
    const at::Tensor of_factor = context->needs_input_grad(added ? 2 : 1)
                                     ? at::zeros({(rows + kRows - 1) / kRows, width}, at::kFloat)
                                     : at::Tensor();
    with_type(of_out.scalar_type(), [&](auto zero) {
      using Number = decltype(zero);
      for_rows(rows, [&](std::int64_t part, std::int64_t begin, std::int64_t end) {
        add_norm_gradient(AddNormGradient<Number>{
            end - begin, width, row_of<float>(sum, begin), row_of<float>(scale, begin),
            factor.const_data_ptr<float>(), row_of<Number>(of_out, begin),
            row_of<float>(of_sum, begin), row_of_output<float>(of_x, begin),
            row_of_output<Number>(of_change, begin), row_of_output<float>(of_factor, part)});
      });
    });
    return {of_x, of_change, of_factor.defined() ? of_factor.sum(0) : at::Tensor(), {}, {}};
  }
};

class GatedFunction : public Function<GatedFunction> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& gate_up, bool silu) {
    const at::Tensor from = gate_up.contiguous();
    const std::int64_t rows = from.size(0), width = from.size(1) / 2;
    const at::Tensor out = at::empty({rows, width}, from.options());
    with_type(from.scalar_type(), [&](auto zero) {
      using Number = decltype(zero);
      for_rows(rows, [&](std::int64_t, std::int64_t begin, std::int64_t end) {
        gated(Gated<Number>{end - begin, width, activation(silu), row_of<Number>(from, begin),
                            row_of_output<Number>(out, begin)});
      });
    });
    context->save_for_backward({from});
    context->saved_data["silu"] = silu;
    return out;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const at::Tensor from = context->get_saved_variables()[0];
    const bool silu = context->saved_data["silu"].toBool();
    const at::Tensor of_out = gradients[0].contiguous();
    const at::Tensor gradient = at::empty_like(from);
    with_type(from.scalar_type(), [&](auto zero) {
      using Number = decltype(zero);
      for_rows(from.size(0), [&](std::int64_t, std::int64_t begin, std::int64_t end) {
        gated_gradient(GatedGradient<Number>{
            end - begin, from.size(1) / 2, activation(silu), row_of<Number>(from, begin),
            row_of<Number>(of_out, begin), row_of_output<Number>(gradient, begin)});
      });
    });
    return {gradient, {}};
  }

 private:
  static DecoderActivation activation(bool silu) {
    return silu ? DecoderActivation::kSilu : DecoderActivation::kGeluTanh;
  }
};

// What the backward pass of attention needs besides tensors.
struct AttentionPlan : torch::CustomClassHolder {
  PackedAttention attention;
  std::vector<std::int64_t> begins, lengths;

  AttentionShape shape() const {
    AttentionShape shape = {attention.heads,  attention.kv_heads,
                            attention.size,   static_cast<float>(attention.scale),
                            attention.causal, attention.window,
                            attention.pairs,  0,
                            nullptr,          nullptr};
    if (attention.cosines.defined()) {
      shape.turned_pairs = attention.cosines.size(1);
      shape.cosines = attention.cosines.const_data_ptr<float>();
      shape.sines = attention.sines.const_data_ptr<float>();
    }
    return shape;
  }
  AttentionRows sequence(std::size_t i, const at::Tensor& rows, const at::Tensor& context,
                         const at::Tensor& log_sums) const {
    return {lengths[i], row_of<BFloat16>(rows, begins[i]),
            row_of_output<BFloat16>(context, begins[i]), row_of_output<float>(log_sums, begins[i])};
  }
  // Calls work(sequence, head of keys) for all.
  template <class Work>
  void for_heads(const Work& work) const {
    const std::int64_t count = static_cast<std::int64_t>(lengths.size()) * attention.kv_heads;
    at::parallel_for(0, count, 1, [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t i = first; i < last; ++i)
        work(static_cast<std::size_t>(i / attention.kv_heads), i % attention.kv_heads);
      release_attention_kernels();
    });
  }
};

class AttentionFunction : public Function<AttentionFunction> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& query_key_value,
                            const c10::intrusive_ptr<AttentionPlan>& plan) {
    const at::Tensor rows = query_key_value.contiguous();
    const AttentionShape shape = plan->shape();
    TANDEM_CHECK(rows.scalar_type() == at::kBFloat16 && rows.size(1) == shape.row_width());
    const at::Tensor out = at::empty({rows.size(0), shape.heads * shape.size}, rows.options());
    const at::Tensor log_sums = at::empty({rows.size(0), shape.heads}, at::kFloat);
    plan->for_heads([&](std::size_t i, std::int64_t head) {
      attend(shape, plan->sequence(i, rows, out, log_sums), head);
    });
    context->save_for_backward({rows, out, log_sums});
    context->saved_data["plan"] = c10::IValue::make_capsule(plan);
    return out;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const auto holder = context->saved_data["plan"].toCapsule();
    const auto& plan = static_cast<const AttentionPlan&>(*holder);
    const AttentionShape shape = plan.shape();
    const at::Tensor of_out = gradients[0].contiguous();
    const at::Tensor gradient = at::empty_like(saved[0]);
    plan.for_heads([&](std::size_t i, std::int64_t head) {
      attend_gradient(shape, plan.sequence(i, saved[0], saved[1], saved[2]),
                      row_of<BFloat16>(of_out, plan.begins[i]),
                      row_of_output<BFloat16>(gradient, plan.begins[i]), head);
    });
    return {gradient, {}};
  }
};

}  // namespace

std::pair<at::Tensor, at::Tensor> add_norm(const at::Tensor& x, const at::Tensor& change,
                                           const at::Tensor& factor, double epsilon,
                                           at::ScalarType type) {
  const auto added = change.defined() ? std::optional(change) : std::nullopt;
  const variable_list both = AddNormFunction::apply(x, added, factor, epsilon, type);
  return {change.defined() ? both[0] : x, both.back()};
}

at::Tensor gated(const at::Tensor& gate_up, DecoderActivation activation) {
  return GatedFunction::apply(gate_up, activation == DecoderActivation::kSilu);
}

bool has_packed_attention(at::ScalarType type) {
  return type == at::kBFloat16 && has_attention_kernels();
}

at::Tensor packed_attention(const at::Tensor& query_key_value, const PackedSequences& packed,
                            const PackedAttention& attention) {
  auto plan = c10::make_intrusive<AttentionPlan>();
  plan->attention = attention;
  plan->begins = packed.begins;
  plan->lengths = packed.lengths;
  return AttentionFunction::apply(query_key_value, plan);
}

}  // namespace tandem::training

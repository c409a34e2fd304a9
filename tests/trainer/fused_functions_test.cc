// Operations with gradients by hand against the same composed of LibTorch's.
#include "trainer/torch/fused_functions.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/silu.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "tests/trainer/losses.h"
#include "trainer/torch/composed_attention.h"
#include "trainer/torch/packed_sequences.h"

namespace tandem::training {
namespace {

class FusedFunctionsTest : public ::testing::Test {
 protected:
  // Numbers that bfloat16 holds, so that both sides begin with the same.
  at::Tensor random(at::IntArrayRef shape, double mean = 0) {
    return testing::random_normal(random_, shape, mean).to(at::kBFloat16).to(at::kFloat);
  }

  const unsigned seed_ = std::random_device{}();
  std::mt19937 random_{seed_};
  ::testing::ScopedTrace trace_{__FILE__, __LINE__, "seed " + std::to_string(seed_)};
};

// Of the largest value.
void expect_near(const at::Tensor& a, const at::Tensor& b, double tolerance,
                 const std::string& name) {
  ASSERT_EQ(a.sizes(), b.sizes()) << name;
  const double largest = b.abs().max().item<double>();
  EXPECT_LE((a.to(at::kFloat) - b).abs().max().item<double>(), tolerance * (largest + 1e-6))
      << name;
}

// Runs both on copies of the inputs, and compares values and gradients of a weighted sum.
using Operation = std::function<at::Tensor(const std::vector<at::Tensor>&)>;
void expect_same(const std::vector<at::Tensor>& inputs, const at::Tensor& weights,
                 const Operation& fused, const Operation& composed, double tolerance) {
  const auto run = [&](const Operation& operation, at::Tensor& value) {
    std::vector<at::Tensor> leaves;
    for (const at::Tensor& input : inputs)
      leaves.push_back(input.detach().clone().requires_grad_(true));
    value = operation(leaves).to(at::kFloat);
    (value * weights).sum().backward();
    return leaves;
  };
  at::Tensor value, expected;
  const auto leaves = run(fused, value);
  const auto expected_leaves = run(composed, expected);
  expect_near(value.detach(), expected.detach(), tolerance, "value");
  for (std::size_t i = 0; i < inputs.size(); ++i)
    expect_near(leaves[i].grad(), expected_leaves[i].grad(), tolerance,
                "gradient of input " + std::to_string(i));
}

struct Numbers {
  at::ScalarType type;
  double tolerance;
};
constexpr Numbers kNumbers[] = {{at::kFloat, 2e-6}, {at::kBFloat16, 0.02}};

at::Tensor composed_norm(const at::Tensor& sum, const at::Tensor& factor) {
  return sum * at::rsqrt((sum * sum).mean(-1, true) + 1e-5) * factor;
}

TEST_F(FusedFunctionsTest, AddNormIsItsParts) {
  for (const auto& [type, tolerance] : kNumbers) {
    for (const std::int64_t width : {7, 64, 83}) {
      // More rows than one thread takes at a time.
      const at::Tensor x = random({150, width}, 0.3), change = random({150, width});
      const at::Tensor factor = random({width}, 1);
      const at::Tensor weights = random({150, 2 * width});
      const auto number = type;
      expect_same(
          {x, change, factor}, weights,
          [&](const auto& in) {
            const auto [sum, out] = add_norm(in[0], in[1].to(number), in[2], 1e-5, number);
            EXPECT_EQ(sum.scalar_type(), at::kFloat);
            EXPECT_EQ(out.scalar_type(), number);
            return at::cat({sum, out.to(at::kFloat)}, 1);
          },
          [&](const auto& in) {
            const at::Tensor sum = in[0] + in[1];
            return at::cat({sum, composed_norm(sum, in[2])}, 1);
          },
          tolerance);
      expect_same(
          {x, factor}, weights.narrow(1, 0, width),
          [&](const auto& in) { return add_norm(in[0], {}, in[1], 1e-5, number).second; },
          [&](const auto& in) { return composed_norm(in[0], in[1]); }, tolerance);
    }
  }
}

TEST_F(FusedFunctionsTest, GatedIsItsParts) {
  for (const auto& [type, tolerance] : kNumbers) {
    for (const auto activation : {DecoderActivation::kSilu, DecoderActivation::kGeluTanh}) {
      const std::int64_t width = 37;
      // Also where the exponential of the gate is not a float any more.
      const at::Tensor in = at::cat({random({90, 2 * width}), 40 * random({20, 2 * width})}, 0);
      const auto number = type;
      expect_same(
          {in}, random({110, width}),
          [&](const auto& leaves) { return gated(leaves[0].to(number), activation); },
          [&](const auto& leaves) {
            const at::Tensor gate = leaves[0].narrow(1, 0, width);
            return (activation == DecoderActivation::kSilu ? at::silu(gate)
                                                           : at::gelu(gate, "tanh")) *
                   leaves[0].narrow(1, width, width);
          },
          tolerance);
    }
  }
}

// In the direction of the gradient the loss rises by its square.
TEST_F(FusedFunctionsTest, GradientsAreThoseOfDifferences) {
  const at::Tensor x = random({5, 24}), change = random({5, 24}), factor = random({24}, 1);
  const at::Tensor weights = random({5, 12});
  const auto loss = [&](const at::Tensor& a, const at::Tensor& b, const at::Tensor& c) {
    const at::Tensor out = add_norm(a, b, c, 1e-5, at::kFloat).second;
    return (gated(out, DecoderActivation::kSilu) * weights).sum();
  };
  std::vector<at::Tensor> inputs = {x, change, factor};
  for (at::Tensor& input : inputs) input.requires_grad_(true);
  loss(x, change, factor).backward();
  double squares = 0;
  std::vector<at::Tensor> gradients;
  for (at::Tensor& input : inputs) {
    gradients.push_back(input.grad().clone());
    squares += (input.grad() * input.grad()).sum().item<double>();
    input.requires_grad_(false);
  }
  const auto moved = [&](double step) {
    return loss(x + step * gradients[0], change + step * gradients[1], factor + step * gradients[2])
        .item<double>();
  };
  const double step = 1e-2 / std::sqrt(squares);
  EXPECT_NEAR((moved(step) - moved(-step)) / (2 * step * squares), 1, 2e-3);
}

struct AttentionCase {
  const char* name;
  std::vector<std::int64_t> lengths;
  std::int64_t heads, kv_heads, size;
  bool causal;
  std::int64_t window;
  RotaryPairs pairs;
  std::int64_t turned_pairs;
};

class PackedAttentionTest : public FusedFunctionsTest,
                            public ::testing::WithParamInterface<AttentionCase> {};

TEST_P(PackedAttentionTest, IsThatComposedInFloat) {
  if (!has_packed_attention(at::kBFloat16)) GTEST_SKIP() << "the processor lacks the products";
  const AttentionCase& test = GetParam();
  std::vector<std::vector<TokenId>> sequences;
  for (const std::int64_t length : test.lengths)
    sequences.emplace_back(static_cast<std::size_t>(length), 1);
  const PackedSequences packed = pack(sequences, 2, 1000);
  PackedAttention attention = {test.heads,  test.kv_heads, test.size, 0.2, test.causal,
                               test.window, test.pairs,    {},        {}};
  if (test.turned_pairs > 0) {
    const at::Tensor angles = random({1000, test.turned_pairs});
    attention.cosines = angles.cos();
    attention.sines = angles.sin();
  }
  const at::Tensor in = random({packed.rows(), (test.heads + 2 * test.kv_heads) * test.size});
  expect_same(
      {in}, random({packed.rows(), test.heads * test.size}),
      [&](const auto& leaves) {
        return packed_attention(leaves[0].to(at::kBFloat16), packed, attention);
      },
      [&](const auto& leaves) { return composed_attention(leaves[0], packed, attention); }, 0.02);
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, PackedAttentionTest,
    ::testing::Values(
        AttentionCase{"causal", {70, 1, 129}, 6, 2, 64, true, 0, RotaryPairs::kNeighbours, 32},
        AttentionCase{"whole", {33, 64, 2}, 4, 4, 32, false, 0, RotaryPairs::kHalves, 0},
        AttentionCase{"window", {200, 12}, 4, 1, 32, true, 17, RotaryPairs::kHalves, 16},
        AttentionCase{"wide_window", {200, 95}, 2, 2, 64, true, 100, RotaryPairs::kHalves, 32},
        AttentionCase{"odd_size", {31, 65}, 3, 1, 20, true, 0, RotaryPairs::kHalves, 5},
        AttentionCase{"large_size", {40}, 2, 1, 256, true, 0, RotaryPairs::kHalves, 128}),
    [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace tandem::training

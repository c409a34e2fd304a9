#include "model/rotary.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/error.h"

namespace tandem {
namespace {

constexpr double kFullTurn = 2 * std::numbers::pi;

double scale_llama3(double frequency, const RotaryScaling& scaling) {
  const double turns = scaling.original_context * frequency / kFullTurn;
  const double kept =
      std::clamp((turns - scaling.low_turns) / (scaling.high_turns - scaling.low_turns), 0.0, 1.0);
  return frequency * (kept + (1 - kept) / scaling.factor);
}

// The pair, as a fraction, that makes `turns` turns within the original context.
double pair_of_turns(double turns, double base, int size, const RotaryScaling& scaling) {
  return size * std::log(scaling.original_context / (turns * kFullTurn)) / (2 * std::log(base));
}

void scale_yarn(double base, int size, const RotaryScaling& scaling,
                std::vector<double>& frequencies) {
  const double first =
      std::max(0.0, std::floor(pair_of_turns(scaling.beta_fast, base, size, scaling)));
  double last =
      std::min(size - 1.0, std::ceil(pair_of_turns(scaling.beta_slow, base, size, scaling)));
  if (first == last) last += 0.001;  // as the reference does, against a division by zero
  for (std::size_t i = 0; i < frequencies.size(); ++i) {
    const double ramp = std::clamp((static_cast<double>(i) - first) / (last - first), 0.0, 1.0);
    frequencies[i] *= (1 - ramp) + ramp / scaling.factor;
  }
}

}  // namespace

std::vector<double> rotary_frequencies(double base, int size, const RotaryScaling& scaling) {
  TANDEM_CHECK(size > 0 && size % 2 == 0);
  std::vector<double> frequencies(static_cast<std::size_t>(size) / 2);
  for (std::size_t i = 0; i < frequencies.size(); ++i)
    frequencies[i] = std::pow(base, -2.0 * static_cast<double>(i) / size);
  switch (scaling.type) {
    case RotaryScalingType::kNone:
      break;
    case RotaryScalingType::kLinear:
      for (double& frequency : frequencies) frequency /= scaling.factor;
      break;
    case RotaryScalingType::kLlama3:
      for (double& frequency : frequencies) frequency = scale_llama3(frequency, scaling);
      break;
    case RotaryScalingType::kYarn:
      scale_yarn(base, size, scaling, frequencies);
      break;
  }
  return frequencies;
}

RotaryTurn rotary_turn(std::span<const double> frequencies, int positions) {
  RotaryTurn turn;
  for (const double frequency : frequencies) {
    turn.cosines.push_back(static_cast<float>(std::cos(positions * frequency)));
    turn.sines.push_back(static_cast<float>(std::sin(positions * frequency)));
  }
  return turn;
}

float rotary_magnitude(const RotaryScaling& scaling) {
  if (scaling.type != RotaryScalingType::kYarn) return 1.0f;
  const double implied =
      scaling.factor > 1 ? 0.1 * std::log(scaling.factor) + 1 : 1.0;  // section 3.4 of the paper
  return static_cast<float>(scaling.magnitude.value_or(implied));
}

}  // namespace tandem

// Rotary position embedding (Su et al. 2021, arXiv:2104.09864) and the ways to stretch it over a
// longer context than the one it was trained with.
#ifndef TANDEM_MODEL_ROTARY_H_
#define TANDEM_MODEL_ROTARY_H_

#include <optional>
#include <span>
#include <vector>

namespace tandem {

enum class RotaryScalingType {
  kNone,
  kLinear,  // every frequency divided by `factor` (Chen et al. 2023, arXiv:2306.15595)
  kLlama3,  // only those that turn less than once in the original context, with a smooth border
  kYarn,    // likewise by a ramp over the pairs, and a magnitude (Peng et al. 2023, 2309.00071)
};

struct RotaryScaling {
  RotaryScalingType type = RotaryScalingType::kNone;
  double factor = 1;
  double original_context = 0;  // positions the model was first trained with (Llama 3, YaRN)
  // Llama 3: turns within the original context below which a frequency is divided by `factor`, and
  // above which it is left alone.
  double low_turns = 1;
  double high_turns = 4;
  // YaRN: the same, the other way round.
  double beta_fast = 32;
  double beta_slow = 1;
  std::optional<double> magnitude = {};  // YaRN; 0.1 ln(factor) + 1 unless stated
};

// Radians per position of each pair, `size` / 2 of them: base^(-2 i / size), scaled. The numbers
// are those of `transformers`, without its rounding to float. The caller has checked that base > 1,
// that the factor and the context are above zero and low_turns < high_turns.
std::vector<double> rotary_frequencies(double base, int size, const RotaryScaling& scaling);

// The rotation between two positions, whatever they are, that lie so far apart: [size / 2] each.
struct RotaryTurn {
  std::vector<float> cosines;
  std::vector<float> sines;
};
RotaryTurn rotary_turn(std::span<const double> frequencies, int positions);

// What rotated queries and keys are multiplied by.
float rotary_magnitude(const RotaryScaling& scaling);

}  // namespace tandem

#endif  // TANDEM_MODEL_ROTARY_H_

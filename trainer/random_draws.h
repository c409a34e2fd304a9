// Random choices that a run makes: by its seed alone, the same on every machine. What the standard
// library makes of random numbers differs between its implementations.
#ifndef TANDEM_TRAINER_RANDOM_DRAWS_H_
#define TANDEM_TRAINER_RANDOM_DRAWS_H_

#include <cstddef>
#include <cstdint>
#include <random>
#include <utility>
#include <vector>

namespace tandem {

// A sequence of its own for each seed and pair of numbers.
inline std::mt19937_64 random_numbers(std::uint64_t seed, std::uint64_t a, std::uint64_t b) {
  std::seed_seq sequence = {seed, seed >> 32, a, b};
  return std::mt19937_64(sequence);
}

template <class T>
void shuffle(std::vector<T>& values, std::mt19937_64& random) {
  for (std::size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[random() % i]);
}

}  // namespace tandem

#endif  // TANDEM_TRAINER_RANDOM_DRAWS_H_

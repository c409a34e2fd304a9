// In which order a run goes through its questions.
#ifndef TANDEM_TRAINER_EPOCH_ORDER_H_
#define TANDEM_TRAINER_EPOCH_ORDER_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <vector>

#include "trainer/random_draws.h"

namespace tandem {

// The places, of `count` in all, that step `step` (from 0) takes, `batch_size` at a time. Each
// epoch goes through all of them once, in an order of its own; its last step may have fewer.
inline std::vector<std::size_t> places_of_step(std::size_t count, std::size_t batch_size,
                                               std::size_t step, std::uint64_t seed) {
  const std::size_t steps = (count + batch_size - 1) / batch_size;
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  auto random = random_numbers(seed, 0, step / steps);
  shuffle(order, random);
  const std::size_t begin = step % steps * batch_size;
  const std::size_t end = std::min(begin + batch_size, count);
  return {order.begin() + static_cast<std::ptrdiff_t>(begin),
          order.begin() + static_cast<std::ptrdiff_t>(end)};
}

}  // namespace tandem

#endif  // TANDEM_TRAINER_EPOCH_ORDER_H_

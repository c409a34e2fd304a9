// AdamW (Loshchilov and Hutter 2019, arXiv:1711.05101, algorithm 2), by LibTorch's fused kernel.
#ifndef TANDEM_TRAINER_TORCH_ADAMW_H_
#define TANDEM_TRAINER_TORCH_ADAMW_H_

#include <string>
#include <utility>
#include <vector>

#include "trainer/torch/parameters.h"

namespace tandem::training {

// Of one network; for one thread at a time. Beta is 0.9 and 0.999, epsilon 1e-8.
class AdamW {
 public:
  AdamW(const Parameters& parameters, double weight_decay);

  // Gradients become their sums over all workers.
  void add_up_gradients(WorkerGroup& workers);
  // The L2 norm of all gradients together; 0 if there are none.
  double gradient_norm() const;
  // Gradients are divided by `gradient_divisor` first. Parameters without one stay as they are.
  void step(double rate, double gradient_divisor);
  void clear_gradients();

  // All that a later process needs, the learned weights included; the tensors are those in use, and
  // may be written to.
  std::vector<std::pair<std::string, at::Tensor>> state() const;

 private:
  struct Slot {
    Parameters::Learned parameter;
    at::Tensor mean;    // of gradients
    at::Tensor square;  // of their squares
    at::Tensor steps;   // a scalar
  };
  std::vector<Slot> slots_;
  double weight_decay_;
};

}  // namespace tandem::training

#endif  // TANDEM_TRAINER_TORCH_ADAMW_H_

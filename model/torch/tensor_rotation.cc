#include "model/torch/tensor_rotation.h"

namespace tandem {

void rotate(const at::Tensor& heads, RotaryPairs pairs, const at::Tensor& turn) {
  const std::int64_t half = turn.size(2);
  if (pairs == RotaryPairs::kNeighbours) {
    at::view_as_complex(heads.narrow(2, 0, 2 * half).unflatten(2, {half, 2})).mul_(turn);
    return;
  }
  at::Tensor real = heads.narrow(2, 0, half);
  at::Tensor imaginary = heads.narrow(2, half, half);
  const at::Tensor turned = at::view_as_real(at::complex(real, imaginary).mul_(turn));
  real.copy_(turned.select(3, 0));
  imaginary.copy_(turned.select(3, 1));
}

}  // namespace tandem

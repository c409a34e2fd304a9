// Memory for time: of a layer only the inputs are kept, and it is computed once more when the
// gradient comes back (Chen et al. 2016, arXiv:1604.06174).
#ifndef TANDEM_TRAINER_TORCH_RECOMPUTED_LAYER_H_
#define TANDEM_TRAINER_TORCH_RECOMPUTED_LAYER_H_

#include <functional>
#include <utility>

#include "trainer/torch/aten.h"

namespace tandem::training {

// What goes from layer to layer: rows, and what is yet to be added to them (undefined in the first
// layer).
using LayerState = std::pair<at::Tensor, at::Tensor>;
using LayerFunction = std::function<LayerState(const LayerState&)>;

// layer(state), which must give the same each time, and whose weights get their gradients as they
// would without. At least one tensor of the state requires a gradient.
LayerState recomputed(const LayerFunction& layer, const LayerState& state);

}  // namespace tandem::training

#endif  // TANDEM_TRAINER_TORCH_RECOMPUTED_LAYER_H_

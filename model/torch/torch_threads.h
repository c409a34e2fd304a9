// The number of compute threads (model/threads.h), for LibTorch.
#ifndef TANDEM_MODEL_TORCH_TORCH_THREADS_H_
#define TANDEM_MODEL_TORCH_TORCH_THREADS_H_

namespace tandem {

// Makes the calling thread compute with compute_threads(); the networks call it on entry. Safe from
// any thread.
void apply_torch_threads();

}  // namespace tandem

#endif  // TANDEM_MODEL_TORCH_TORCH_THREADS_H_

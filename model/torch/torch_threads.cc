#include "model/torch/torch_threads.h"

#include <omp.h>

#include <atomic>

#include "model/threads.h"
#include "model/torch/aten.h"

namespace tandem {
namespace {

// The number that LibTorch was told last; 0 until then.
std::atomic<int> told_count{0};

}  // namespace

void apply_torch_threads() {
  const int count = compute_threads();
  // LibTorch has one number for the process, but OpenMP's belongs to the calling thread: a new
  // thread starts with the default, and one that ran a FAISS search may be left with 1.
  // at::set_num_threads sets both, and throws away the matrix kernels that oneDNN has compiled so
  // far: it is called for a change only.
  if (told_count.exchange(count) != count)
    at::set_num_threads(count);
  else
    omp_set_num_threads(count);
}

}  // namespace tandem

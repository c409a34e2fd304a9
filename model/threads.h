// How many threads the networks compute with.
//
// One number for the whole process, because LibTorch and its BLAS keep theirs that way. Code that
// sets OpenMP's thread count for its own thread (as FAISS searches do, with omp_set_num_threads)
// does not disturb it: the networks restore it at each call. Safe from any thread.
#ifndef TANDEM_MODEL_THREADS_H_
#define TANDEM_MODEL_THREADS_H_

namespace tandem {

// 0 means one thread per processor. Throws Error kInvalidArgument for a negative number.
void set_compute_threads(int count);

int compute_threads();

// Makes the calling thread compute with compute_threads(); the networks call it on entry.
void apply_compute_threads();

}  // namespace tandem

#endif  // TANDEM_MODEL_THREADS_H_

// How many threads the networks compute with.
//
// One number for the whole process, plug-ins included, because LibTorch and its BLAS keep theirs
// that way. Safe from any thread.
#ifndef TANDEM_MODEL_THREADS_H_
#define TANDEM_MODEL_THREADS_H_

namespace tandem {

// 0 means one thread per processor. Throws Error kInvalidArgument for a negative number.
void set_compute_threads(int count);

int compute_threads();

// For a plug-in (model/plugin.h), which has a copy of this code: makes its compute_threads() that
// of the program, from then on.
void follow_compute_threads(int (*count)());

}  // namespace tandem

#endif  // TANDEM_MODEL_THREADS_H_

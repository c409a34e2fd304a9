// Who goes first when there are more threads than processors.
#ifndef TANDEM_BASE_THREAD_PRIORITY_H_
#define TANDEM_BASE_THREAD_PRIORITY_H_

#include <sys/resource.h>

namespace tandem {

// Raises the niceness of the calling thread alone, see nice(2); there is no way back. May be called
// between fork and exec.
inline void lower_thread_priority(int niceness) {
  // POSIX has one niceness for a process; Linux has one for each thread, and 0 is the caller.
  ::setpriority(PRIO_PROCESS, 0, ::getpriority(PRIO_PROCESS, 0) + niceness);
}

}  // namespace tandem

#endif  // TANDEM_BASE_THREAD_PRIORITY_H_

// The largest single allocation since a moment, to show that a hostile number in a file is never
// believed. A test program that includes this links allocation_watch.cc, which replaces operator
// new.
#ifndef TANDEM_TESTS_SUPPORT_ALLOCATION_WATCH_H_
#define TANDEM_TESTS_SUPPORT_ALLOCATION_WATCH_H_

#include <cstddef>

namespace tandem::testing {

void reset_largest_allocation();
std::size_t largest_allocation_bytes();

}  // namespace tandem::testing

#endif  // TANDEM_TESTS_SUPPORT_ALLOCATION_WATCH_H_

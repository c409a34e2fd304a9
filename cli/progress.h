// A progress line with rate and time left.
#ifndef TANDEM_CLI_PROGRESS_H_
#define TANDEM_CLI_PROGRESS_H_

#include <chrono>
#include <string>

#include "indexer/ingestor.h"

namespace tandem {

// Written to standard error: redrawn in place on a terminal, one line every ten seconds elsewhere.
// Used by one thread.
class ProgressLine {
 public:
  ProgressLine();
  ~ProgressLine();  // ends the line
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  void update(const FolderProgress& progress);

 private:
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start_ = Clock::now();
  Clock::time_point last_drawn_;
  bool terminal_ = false;
  bool drawn_ = false;
};

}  // namespace tandem

#endif  // TANDEM_CLI_PROGRESS_H_

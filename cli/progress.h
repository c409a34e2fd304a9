// A progress line with rate and time left.
#ifndef TANDEM_CLI_PROGRESS_H_
#define TANDEM_CLI_PROGRESS_H_

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include "indexer/ingestor.h"

namespace tandem {

// Written to standard error: redrawn in place on a terminal, one line every ten seconds elsewhere.
// Used by one thread at a time.
class ProgressLine {
 public:
  ProgressLine();
  ~ProgressLine();  // ends the line
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  void update(const FolderProgress& progress);
  // So many of all are done of what `stage` says ("answering"); a new stage has a time of its own.
  // `note` is shown as well.
  void update(std::string_view stage, std::size_t done, std::size_t total,
              std::string_view note = {});
  // A stage of which nobody knows how long it takes.
  void update(std::string_view stage);

 private:
  using Clock = std::chrono::steady_clock;
  // Whether the stage is a new one, which it then begins.
  bool begin(std::string_view stage);
  // Whether it is time to draw; the end of the work is always shown.
  bool is_due(bool last);
  void draw(const std::string& line);
  double elapsed_seconds() const;

  Clock::time_point start_ = Clock::now();
  Clock::time_point last_drawn_;
  std::string stage_;
  std::size_t done_before_ = 0;  // when the stage began
  bool terminal_ = false;
  bool drawn_ = false;
};

}  // namespace tandem

#endif  // TANDEM_CLI_PROGRESS_H_

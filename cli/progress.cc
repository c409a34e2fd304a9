#include "cli/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

namespace tandem {
namespace {

std::string format_duration(double seconds) {
  const auto whole = static_cast<long>(seconds + 0.5);
  return whole < 60 ? fmt::format("{} s", whole)
                    : fmt::format("{} min {:02} s", whole / 60, whole % 60);
}

}  // namespace

ProgressLine::ProgressLine() : terminal_(::isatty(STDERR_FILENO) == 1) {}

ProgressLine::~ProgressLine() {
  if (terminal_ && drawn_) std::fputc('\n', stderr);
}

void ProgressLine::update(const FolderProgress& progress) {
  const auto now = Clock::now();
  const bool last = progress.files_done == progress.files_total;
  const auto interval = terminal_ ? std::chrono::milliseconds(100) : std::chrono::seconds(10);
  if (!last && now - last_drawn_ < interval) return;
  last_drawn_ = now;
  drawn_ = true;
  const double elapsed = std::chrono::duration<double>(now - start_).count();
  const double rate = elapsed > 0 ? static_cast<double>(progress.passages_done) / elapsed : 0;
  std::string line =
      fmt::format("indexing {}/{} files, {} passages, {:.0f} passages/s", progress.files_done,
                  progress.files_total, progress.passages_done, rate);
  if (!last && progress.bytes_done > 0) {
    // Bytes predict the time better than files, whose sizes differ by orders of magnitude.
    const double left = elapsed * static_cast<double>(progress.bytes_total - progress.bytes_done) /
                        static_cast<double>(progress.bytes_done);
    line += ", " + format_duration(left) + " left";
  } else if (last) {
    line += ", took " + format_duration(elapsed);
  }
  std::fprintf(stderr, terminal_ ? "\r\033[K%s" : "%s\n", line.c_str());
  std::fflush(stderr);
}

}  // namespace tandem

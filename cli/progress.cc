#include "cli/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>

namespace tandem {
namespace {

std::string format_duration(double seconds) {
  const auto whole = std::lround(seconds);
  return whole < 60 ? fmt::format("{} s", whole)
                    : fmt::format("{} min {:02} s", whole / 60, whole % 60);
}

}  // namespace

ProgressLine::ProgressLine() : terminal_(::isatty(STDERR_FILENO) == 1) {}

ProgressLine::~ProgressLine() {
  if (terminal_ && drawn_) std::fputc('\n', stderr);
}

bool ProgressLine::is_due(bool last) {
  const auto now = Clock::now();
  const auto interval = terminal_ ? std::chrono::milliseconds(100) : std::chrono::seconds(10);
  if (!last && now - last_drawn_ < interval) return false;
  last_drawn_ = now;
  return true;
}

void ProgressLine::draw(const std::string& line) {
  drawn_ = true;
  std::fprintf(stderr, terminal_ ? "\r\033[K%s" : "%s\n", line.c_str());
  std::fflush(stderr);
}

double ProgressLine::elapsed_seconds() const {
  return std::chrono::duration<double>(Clock::now() - start_).count();
}

void ProgressLine::update(const FolderProgress& progress) {
  const bool last = progress.files_done == progress.files_total;
  if (!is_due(last)) return;
  const double elapsed = elapsed_seconds();
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
  draw(line);
}

bool ProgressLine::begin(std::string_view stage) {
  if (stage == stage_) return false;
  if (terminal_ && drawn_) std::fputc('\n', stderr);
  stage_ = stage;
  start_ = Clock::now();
  last_drawn_ = {};
  return true;
}

void ProgressLine::update(std::string_view stage) {
  if (begin(stage)) draw(stage_);
}

void ProgressLine::update(std::string_view stage, std::size_t done, std::size_t total,
                          std::string_view note) {
  if (begin(stage)) done_before_ = done;
  const bool last = done == total;
  if (!is_due(last)) return;
  const double elapsed = elapsed_seconds();
  std::string line = fmt::format("{} {}/{}", stage, done, total);
  if (!note.empty()) line += fmt::format(", {}", note);
  if (last) {
    line += ", took " + format_duration(elapsed);
  } else if (done > done_before_) {
    const double left =
        elapsed * static_cast<double>(total - done) / static_cast<double>(done - done_before_);
    line += ", " + format_duration(left) + " left";
  }
  draw(line);
}

}  // namespace tandem

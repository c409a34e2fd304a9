#include "trainer/promotion_gate.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <utility>

#include "base/error.h"
#include "trainer/question_result.h"

namespace tandem {
namespace {

// Longer ones first: ">" begins ">=".
constexpr std::array<std::pair<std::string_view, GateComparison>, 4> kComparisons = {
    {{">=", GateComparison::kAtLeast},
     {"<=", GateComparison::kAtMost},
     {">", GateComparison::kAbove},
     {"<", GateComparison::kBelow}}};

constexpr std::string_view kPrefix = "dev.";
constexpr std::array<std::string_view, 7> kMetrics = {
    kExactMatch, kTokenF1, kReciprocalRank, kNdcgAt10, kRecallAt1, kRecallAt20, kRecallAt5};

bool is_known(std::string_view metric) {
  return metric.starts_with(kPrefix) &&
         std::ranges::find(kMetrics, metric.substr(kPrefix.size())) != kMetrics.end();
}

std::string known_metrics() {
  std::string names;
  for (const std::string_view name : kMetrics)
    names += fmt::format("{}{}{}", names.empty() ? "" : ", ", kPrefix, name);
  return names;
}

RunMetrics metrics_of(const std::map<std::string, double>& figures) {
  RunMetrics metrics;
  for (const auto& [name, value] : figures) metrics[std::string(kPrefix) + name] = value;
  return metrics;
}

// Reads `text` from left to right.
class GateReader {
 public:
  explicit GateReader(std::string_view text) : text_(text), rest_(text) {}

  PromotionGate read() {
    PromotionGate gate;
    gate.metric = read_word();
    if (!is_known(gate.metric)) {
      throw Error(ErrorCode::kInvalidArgument, fmt::format("a run records no \"{}\"", gate.metric),
                  fmt::format("compare one of: {}", known_metrics()));
    }
    gate.comparison = read_comparison();
    gate.relative = take("current");
    if (!gate.relative) {
      gate.number = read_number();
    } else if (take("+")) {
      gate.number = read_number();
    } else if (take("-")) {
      gate.number = -read_number();
    }
    if (!rest_.empty()) fail("has something after its end");
    return gate;
  }

 private:
  void skip_space() { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t"), rest_.size())); }
  bool take(std::string_view word) {
    if (!rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    skip_space();
    return true;
  }
  std::string read_word() {
    skip_space();
    const std::size_t size = std::min(rest_.find_first_of(" \t<>="), rest_.size());
    std::string word(rest_.substr(0, size));
    rest_.remove_prefix(size);
    skip_space();
    return word;
  }
  GateComparison read_comparison() {
    for (const auto& [sign, comparison] : kComparisons) {
      if (take(sign)) return comparison;
    }
    fail("has no comparison after its metric");
  }
  double read_number() {
    double number = 0;
    const auto [end, fault] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), number);
    if (fault != std::errc() || !std::isfinite(number)) fail("lacks a number");
    rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
    skip_space();
    return number;
  }
  [[noreturn]] void fail(std::string_view what) const {
    throw Error(ErrorCode::kInvalidArgument, fmt::format("the gate \"{}\" {}", text_, what),
                "write it as in \"dev.recall@1 > current + 0.02\", with >, >=, < or <=");
  }

  const std::string_view text_;
  std::string_view rest_;
};

bool compare(GateComparison comparison, double value, double bound) {
  switch (comparison) {
    case GateComparison::kAbove:
      return value > bound;
    case GateComparison::kAtLeast:
      return value >= bound;
    case GateComparison::kBelow:
      return value < bound;
    case GateComparison::kAtMost:
      return value <= bound;
  }
  return false;
}

std::string_view words_of(GateComparison comparison) {
  switch (comparison) {
    case GateComparison::kAbove:
      return "above";
    case GateComparison::kAtLeast:
      return "at least";
    case GateComparison::kBelow:
      return "below";
    case GateComparison::kAtMost:
      return "at most";
  }
  return "above";
}

double value_of(const RunMetrics& metrics, const std::string& name) {
  const auto found = metrics.find(name);
  if (found != metrics.end()) return found->second;
  throw Error(ErrorCode::kInvalidArgument, fmt::format("the run has no {}", name),
              "give it questions to measure by: --dev FILE");
}

}  // namespace

RunMetrics metrics_before(const TrainingReport& report) {
  return metrics_of(report.before);
}

RunMetrics metrics_after(const TrainingReport& report) {
  return metrics_of(report.after);
}

PromotionGate parse_gate(std::string_view text) {
  return GateReader(text).read();
}

GateOutcome evaluate_gate(const PromotionGate& gate, const RunMetrics& before,
                          const RunMetrics& after) {
  const double value = value_of(after, gate.metric);
  const double current = gate.relative ? value_of(before, gate.metric) : 0;
  const double bound = current + gate.number;
  GateOutcome outcome;
  outcome.holds = compare(gate.comparison, value, bound);
  outcome.reason = fmt::format("{} is {:.3f}, and had to be {} {:.3f}", gate.metric, value,
                               words_of(gate.comparison), bound);
  if (gate.relative) {
    outcome.reason += fmt::format(" ({:.3f} {} {:.3f})", current, gate.number < 0 ? '-' : '+',
                                  std::abs(gate.number));
  }
  return outcome;
}

}  // namespace tandem

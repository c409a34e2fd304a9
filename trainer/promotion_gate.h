// When what came of a run of training is good enough to serve: "dev.recall@1 > current + 0.02".
//
//   gate       = metric comparison bound
//   metric     = "dev." name          one that the run records of its dev questions
//   comparison = ">" | ">=" | "<" | "<="
//   bound      = number | "current" [("+" | "-") number]
//
// "current" is the same metric by the networks that the run began with. Pure; safe from any thread.
#ifndef TANDEM_TRAINER_PROMOTION_GATE_H_
#define TANDEM_TRAINER_PROMOTION_GATE_H_

#include <map>
#include <string>
#include <string_view>

#include "trainer/training.h"

namespace tandem {

// By name, such as "dev.recall@1".
using RunMetrics = std::map<std::string, double, std::less<>>;

// What a run records; both are empty for a run without dev questions.
RunMetrics metrics_before(const TrainingReport& report);
RunMetrics metrics_after(const TrainingReport& report);

enum class GateComparison { kAbove, kAtLeast, kBelow, kAtMost };

struct PromotionGate {
  std::string metric;
  GateComparison comparison = GateComparison::kAbove;
  bool relative = false;  // to the value before
  double number = 0;
};

// Throws kInvalidArgument for what is no gate, and for a metric that no run records.
PromotionGate parse_gate(std::string_view text);

struct GateOutcome {
  bool holds = false;
  std::string reason;  // "dev.recall@1 is 0.612, and had to be above 0.580 (0.560 + 0.020)"
};
// Throws kInvalidArgument if the run has no value of the metric.
GateOutcome evaluate_gate(const PromotionGate& gate, const RunMetrics& before,
                          const RunMetrics& after);

}  // namespace tandem

#endif  // TANDEM_TRAINER_PROMOTION_GATE_H_

// How far a run is, and how it says so.
#ifndef TANDEM_TRAINER_RUN_PROGRESS_H_
#define TANDEM_TRAINER_RUN_PROGRESS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>

namespace tandem {

// TrainingProgress::doing during the steps.
inline constexpr std::string_view kTrainingStage = "training";

struct TrainingProgress {
  std::size_t step = 0;  // steps done
  std::size_t steps = 0;
  double loss = 0;  // smoothed
  double tokens_per_second = 0;
  std::string_view doing;  // valid during the call
};

using TrainingReporter = std::function<void(const TrainingProgress&)>;

// For one thread at a time.
class RunProgress {
 public:
  // Borrows `report`, which may be empty.
  explicit RunProgress(const TrainingReporter& report) : report_(report) {}

  // So many, or as many as `epochs` have where that is 0. Throws kInvalidArgument if there are
  // none.
  void set_steps(std::size_t steps, double epochs, std::size_t steps_per_epoch);
  void go_on_from(std::size_t step) { now_.step = step; }
  void add_step(double loss, std::int64_t tokens, double seconds);
  void tell(std::string_view doing) const;

  std::size_t step() const { return now_.step; }  // steps done
  std::size_t steps() const { return now_.steps; }
  bool is_done() const { return now_.step >= now_.steps; }
  bool is_due(std::size_t every) const { return every > 0 && now_.step % every == 0; }

 private:
  const TrainingReporter& report_;
  TrainingProgress now_ = {};
};

}  // namespace tandem

#endif  // TANDEM_TRAINER_RUN_PROGRESS_H_

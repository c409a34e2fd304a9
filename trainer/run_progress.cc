#include "trainer/run_progress.h"

#include <cmath>

#include "base/error.h"

namespace tandem {

void RunProgress::set_steps(std::size_t steps, double epochs, std::size_t steps_per_epoch) {
  now_.steps =
      steps > 0
          ? steps
          : static_cast<std::size_t>(std::llround(epochs * static_cast<double>(steps_per_epoch)));
  if (now_.steps == 0) throw Error(ErrorCode::kInvalidArgument, "a run needs at least one step");
}

void RunProgress::add_step(double loss, std::int64_t tokens, double seconds) {
  ++now_.step;
  now_.loss = now_.step == 1 || now_.loss == 0 ? loss : 0.95 * now_.loss + 0.05 * loss;
  now_.tokens_per_second = static_cast<double>(tokens) / seconds;
}

void RunProgress::tell(std::string_view doing) const {
  if (!report_) return;
  TrainingProgress progress = now_;
  progress.doing = doing;
  report_(progress);
}

}  // namespace tandem

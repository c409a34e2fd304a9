#include "trainer/run_errors.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string_view>
#include <system_error>
#include <vector>

#include "base/error.h"

namespace tandem {

void refuse_step(std::size_t step, std::span<const std::string> ids,
                 const std::function<bool(std::size_t place)>& is_finite,
                 const std::filesystem::path& run) {
  std::vector<std::string_view> named;
  for (std::size_t i = 0; i < ids.size(); ++i)
    if (!is_finite(i)) named.push_back(ids[i]);
  if (named.empty()) named.assign(ids.begin(), ids.end());
  throw Error(ErrorCode::kInternal,
              fmt::format("the loss or a gradient of step {} is not a finite number: that of {}",
                          step, fmt::join(named, ", ")),
              fmt::format("what {} holds is as it was; begin a run with lower rates, or without "
                          "what is named",
                          run.string()));
}

void refuse_files(const std::filesystem::filesystem_error& error) {
  const bool full = error.code() == std::errc::no_space_on_device;
  throw Error(full ? ErrorCode::kResourceExhausted : ErrorCode::kInternal, error.what(),
              "mend that, then go on with --resume");
}

}  // namespace tandem

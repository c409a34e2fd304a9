#include "model/device_runtime.h"

#include <unistd.h>

namespace tandem {
namespace {

class CpuRuntime final : public DeviceRuntime {
 public:
  std::string device() const override { return "cpu"; }
  std::string description() const override { return "processor"; }
  DeviceMemory memory() const override {
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    return {static_cast<std::size_t>(::sysconf(_SC_AVPHYS_PAGES)) * page,
            static_cast<std::size_t>(::sysconf(_SC_PHYS_PAGES)) * page};
  }
  double bytes_per_second() const override { return 0; }
  std::unique_ptr<RecordedWork> record(const std::function<void()>&) override { return nullptr; }
};

}  // namespace

std::shared_ptr<DeviceRuntime> cpu_runtime() {
  return std::make_shared<CpuRuntime>();
}

}  // namespace tandem

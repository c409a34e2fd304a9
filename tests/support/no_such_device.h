// A device that LibTorch cannot reach, where there is no GPU.
#ifndef TANDEM_TESTS_SUPPORT_NO_SUCH_DEVICE_H_
#define TANDEM_TESTS_SUPPORT_NO_SUCH_DEVICE_H_

#include "model/device_runtime.h"

namespace tandem::testing {

class NoSuchDevice final : public DeviceRuntime {
 public:
  // More GPUs than a machine has.
  std::string device() const override { return "cuda:99"; }
  std::string description() const override { return "no such device"; }
  DeviceMemory memory() const override { return {}; }
  double bytes_per_second() const override { return 0; }
  std::unique_ptr<RecordedWork> record(const std::function<void()>&) override { return nullptr; }
};

}  // namespace tandem::testing

#endif  // TANDEM_TESTS_SUPPORT_NO_SUCH_DEVICE_H_

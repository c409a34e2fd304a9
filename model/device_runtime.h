// The device that a DeviceDecoder computes on, apart from what LibTorch itself says of it.
//
// This is what differs between a CPU and a GPU: the CPU's is here, CUDA's is in a library that is
// loaded when it is asked for (model/cuda_loader.h). It shows neither LibTorch nor CUDA.
#ifndef TANDEM_MODEL_DEVICE_RUNTIME_H_
#define TANDEM_MODEL_DEVICE_RUNTIME_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

namespace tandem {

struct DeviceMemory {
  std::size_t free_bytes = 0;
  std::size_t total_bytes = 0;
};

// Work of a device that can be done again as a whole: the same operations on the same memory.
class RecordedWork {
 public:
  virtual ~RecordedWork() = default;
  // Starts it after everything that was started before.
  virtual void replay() = 0;
};

// For one thread at a time.
class DeviceRuntime {
 public:
  virtual ~DeviceRuntime() = default;

  // As LibTorch names the device: "cpu", "cuda:0".
  virtual std::string device() const = 0;
  // For people: "NVIDIA H100 80GB HBM3".
  virtual std::string description() const = 0;
  // What this process may still use, as far as the device knows.
  virtual DeviceMemory memory() const = 0;
  // The most bytes that the device reads from its memory in a second; 0 where it is not known.
  virtual double bytes_per_second() const = 0;

  // Does `work` and records it as it was done. Null, with nothing done, where the device does not
  // record. `work` must not wait for the device. Throws what `work` throws, and kInternal for what
  // cannot be recorded.
  virtual std::unique_ptr<RecordedWork> record(const std::function<void()>& work) = 0;
};

// The processor, as a device: the logic of DeviceDecoder is tested on it. For generating text,
// CpuDecoder is the faster.
std::shared_ptr<DeviceRuntime> cpu_runtime();

}  // namespace tandem

#endif  // TANDEM_MODEL_DEVICE_RUNTIME_H_

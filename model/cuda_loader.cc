#include "model/cuda_loader.h"

#include <fmt/format.h>

#include <exception>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "model/plugin.h"
#include "model/torch_plugin.h"

namespace tandem {
namespace {

constexpr const char* kAdvice = "leave out --device cuda to compute on the processor";

// A LibTorch that is installed as a whole has its part for CUDA beside its part for the processor,
// where the plug-in would not look for it.
void load_torch_cuda_beside_torch() {
  const auto path = torch_plugin().torch_folder() / "libtorch_cuda.so";
  std::string reason;
  if (std::filesystem::exists(path) && !open_library(path, reason))
    throw Error(ErrorCode::kUnsupported,
                fmt::format("{} cannot be loaded: {}", path.string(), reason),
                "install the CUDA libraries that belong to it");
}

class CudaWork final : public RecordedWork {
 public:
  CudaWork(const TandemCudaPlugin& plugin, TandemCudaRecording* recording)
      : plugin_(plugin), recording_(recording) {}
  CudaWork(const CudaWork&) = delete;
  CudaWork& operator=(const CudaWork&) = delete;
  ~CudaWork() override { plugin_.release(recording_); }

  void replay() override {
    TandemCudaMessage message{};
    if (plugin_.replay(recording_, &message) != 0)
      throw Error(ErrorCode::kInternal,
                  fmt::format("the GPU did not repeat what it had recorded: {}", message.text));
  }

 private:
  const TandemCudaPlugin& plugin_;
  TandemCudaRecording* recording_;
};

class CudaRuntime final : public DeviceRuntime {
 public:
  CudaRuntime(const TandemCudaPlugin& plugin, int device, const TandemCudaDevice& description)
      : plugin_(plugin), device_(device), description_(description) {}

  std::string device() const override { return fmt::format("cuda:{}", device_); }
  std::string description() const override { return description_.name; }
  double bytes_per_second() const override { return description_.bytes_per_second; }

  DeviceMemory memory() const override {
    DeviceMemory memory;
    TandemCudaMessage message{};
    if (plugin_.memory(device_, &memory.free_bytes, &memory.total_bytes, &message) != 0)
      throw Error(ErrorCode::kInternal,
                  fmt::format("{} does not tell its memory: {}", description_.name, message.text));
    return memory;
  }

  std::unique_ptr<RecordedWork> record(const std::function<void()>& work) override {
    // An exception must not cross the plug-in's C functions: it waits here until they are left.
    struct Context {
      const std::function<void()>& work;
      std::exception_ptr failure;
    } context{work, nullptr};
    const TandemCudaWork call = [](void* pointer) {
      auto& called = *static_cast<Context*>(pointer);
      try {
        called.work();
        return 0;
      } catch (...) {
        called.failure = std::current_exception();
        return -1;
      }
    };
    TandemCudaMessage message{};
    TandemCudaRecording* const recording = plugin_.record(device_, call, &context, &message);
    if (context.failure != nullptr) std::rethrow_exception(context.failure);
    if (recording == nullptr)
      throw Error(ErrorCode::kInternal,
                  fmt::format("{} could not record a step: {}", description_.name, message.text));
    return std::make_unique<CudaWork>(plugin_, recording);
  }

 private:
  const TandemCudaPlugin& plugin_;
  int device_;
  TandemCudaDevice description_;
};

}  // namespace

std::filesystem::path find_cuda_plugin() {
  return find_plugin("libtandem_cuda.so");
}

const TandemCudaPlugin& load_cuda_plugin(const std::filesystem::path& path) {
  const auto function = reinterpret_cast<TandemCudaPluginFunction>(
      open_plugin(path, TANDEM_CUDA_PLUGIN_SYMBOL,
                  {fmt::format("build Tandem with -DTANDEM_CUDA=ON, or {}", kAdvice),
                   "install LibTorch for CUDA and the libraries that belong to it (scripts/deps "
                   "--cuda), or name their folder in LD_LIBRARY_PATH"}));
  const TandemCudaPlugin* const plugin = function();
  if (plugin->version != TANDEM_CUDA_PLUGIN_VERSION)
    throw Error(ErrorCode::kUnsupported,
                fmt::format("{} has version {} of the plug-in's interface; this program needs {}",
                            path.string(), plugin->version, TANDEM_CUDA_PLUGIN_VERSION),
                "put back the one that was built with this program");
  const std::string_view torch_version = torch_plugin().torch_version;
  if (plugin->torch_version != torch_version)
    throw Error(ErrorCode::kUnsupported,
                fmt::format("{} was built for LibTorch {}, and this program for {}", path.string(),
                            plugin->torch_version, torch_version),
                "put back the one that was built with this program");
  return *plugin;
}

std::shared_ptr<DeviceRuntime> detail::make_cuda_runtime(const TandemCudaPlugin& plugin,
                                                         int device) {
  TandemCudaMessage message{};
  const int count = plugin.device_count(&message);
  if (count < 0)
    throw Error(ErrorCode::kUnsupported, fmt::format("there is no GPU to use: {}", message.text),
                fmt::format("check that nvidia-smi shows one, or {}", kAdvice));
  if (device < 0 || device >= count)
    throw Error(ErrorCode::kUnsupported,
                fmt::format("GPU {} was asked for, and there are {}", device, count),
                fmt::format("check CUDA_VISIBLE_DEVICES, or {}", kAdvice));
  TandemCudaDevice description{};
  if (plugin.describe(device, &description, &message) != 0)
    throw Error(ErrorCode::kUnsupported,
                fmt::format("GPU {} does not answer: {}", device, message.text), kAdvice);
  return std::make_shared<CudaRuntime>(plugin, device, description);
}

std::shared_ptr<DeviceRuntime> open_cuda_device(const TandemCudaPlugin& plugin, int device) {
  auto runtime = detail::make_cuda_runtime(plugin, device);
  // LibTorch asks once in a process whether it has CUDA, and keeps the answer: one that was asked
  // for before the library was loaded is seen here, instead of in the middle of a step.
  if (!torch_plugin().cuda_kernels_registered() || !torch_plugin().cuda_usable())
    throw Error(ErrorCode::kUnsupported,
                fmt::format("LibTorch has no kernels for {}", runtime->description()),
                "use a libtorch_cuda of the same version as libtorch_cpu");
  return runtime;
}

std::shared_ptr<DeviceRuntime> open_cuda() {
  const auto path = find_cuda_plugin();
  if (std::filesystem::exists(path)) load_torch_cuda_beside_torch();
  return open_cuda_device(load_cuda_plugin(path), 0);
}

}  // namespace tandem

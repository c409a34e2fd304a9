#include "model/cuda_loader.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <torch/headeronly/version.h>

#include <exception>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "model/aten.h"

namespace tandem {
namespace {

constexpr const char* kPluginName = "libtandem_cuda.so";
constexpr const char* kAdvice = "leave out --device cuda to compute on the processor";

// Operators without which no step of a decoder can be computed.
constexpr const char* kNeededKernels[] = {"aten::mm", "aten::index_select", "aten::silu",
                                          "aten::_scaled_dot_product_flash_attention",
                                          "aten::_scaled_dot_product_efficient_attention"};

std::string last_error() {
  const char* const text = ::dlerror();
  return text != nullptr ? text : "unknown fault";
}

// A LibTorch that is installed as a whole has its part for CUDA beside its part for the processor,
// where the plug-in would not look for it. True if it was there.
bool load_torch_cuda_beside_torch() {
  Dl_info place{};
  if (::dladdr(reinterpret_cast<const void*>(&at::globalContext), &place) == 0 ||
      place.dli_fname == nullptr)
    return false;
  const auto path = std::filesystem::path(place.dli_fname).parent_path() / "libtorch_cuda.so";
  if (!std::filesystem::exists(path)) return false;
  if (::dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL) == nullptr)
    throw Error(ErrorCode::kUnsupported,
                fmt::format("{} cannot be loaded: {}", path.string(), last_error()),
                "install the CUDA libraries that belong to it");
  return true;
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
  const auto folder = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  const auto in_lib = folder.parent_path() / "lib" / kPluginName;
  return std::filesystem::exists(in_lib) && !std::filesystem::exists(folder / kPluginName)
             ? in_lib
             : folder / kPluginName;
}

const TandemCudaPlugin& load_cuda_plugin(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path))
    throw Error(ErrorCode::kNotFound, fmt::format("{} is not there", path.string()),
                fmt::format("build Tandem with -DTANDEM_CUDA=ON, or {}", kAdvice));
  // Never closed: libtorch_cuda has registered its kernels, and does not take them back.
  void* const library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr)
    throw Error(ErrorCode::kUnsupported,
                fmt::format("{} cannot be loaded: {}", path.string(), last_error()),
                "install LibTorch for CUDA and the libraries that belong to it (scripts/deps "
                "--cuda), or name their folder in LD_LIBRARY_PATH");
  const auto function =
      reinterpret_cast<TandemCudaPluginFunction>(::dlsym(library, TANDEM_CUDA_PLUGIN_SYMBOL));
  const TandemCudaPlugin* const plugin = function != nullptr ? function() : nullptr;
  if (plugin == nullptr)
    throw Error(ErrorCode::kUnsupported,
                fmt::format("{} is not a plug-in of Tandem", path.string()),
                "put back the one that was built with this program");
  if (plugin->version != TANDEM_CUDA_PLUGIN_VERSION)
    throw Error(ErrorCode::kUnsupported,
                fmt::format("{} has version {} of the plug-in's interface; this program needs {}",
                            path.string(), plugin->version, TANDEM_CUDA_PLUGIN_VERSION),
                "put back the one that was built with this program");
  if (std::string_view(plugin->torch_version) != TORCH_VERSION)
    throw Error(ErrorCode::kUnsupported,
                fmt::format("{} was built for LibTorch {}, and this program for {}", path.string(),
                            plugin->torch_version, TORCH_VERSION),
                "put back the one that was built with this program");
  return *plugin;
}

bool cuda_kernels_registered() {
  for (const char* const name : kNeededKernels) {
    const auto op = c10::Dispatcher::singleton().findSchema({name, ""});
    if (!op || !op->hasKernelForDispatchKey(c10::DispatchKey::CUDA)) return false;
  }
  return true;
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
  if (!cuda_kernels_registered() || !at::globalContext().hasCUDA())
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

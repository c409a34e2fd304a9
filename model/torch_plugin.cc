#include "model/torch_plugin.h"

#include <fmt/format.h>

#include <cstdlib>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/subprocess.h"
#include "model/plugin.h"
#include "model/threads.h"

namespace tandem {
namespace {

constexpr const char* kFileName = "libtandem_torch.so";
constexpr const char* kLibraryName = "libtorch_cpu.so";
constexpr const char* kVariable = "TANDEM_LIBTORCH";

// Prints the folder of LibTorch's libraries, if PyTorch is installed in the version that the first
// argument names. PyTorch itself is not imported, and not looked for in the current folder.
constexpr const char* kFindInstalled = R"py(
import importlib.util, pathlib, re, sys
sys.path = [folder for folder in sys.path if folder]
torch = importlib.util.find_spec("torch")
if torch is not None:
    folder = pathlib.Path(torch.origin).parent
    version = re.search(r"__version__ = ['\"]([0-9.]+)", (folder / "version.py").read_text())
    if version is not None and version.group(1) == sys.argv[1]:
        print(folder / "lib", end="")
)py";

// Empty where there is none, and no Python either.
std::filesystem::path installed_torch() {
  try {
    const auto result = run_subprocess({"python3", "-c", kFindInstalled, TANDEM_TORCH_VERSION}, {},
                                       {.timeout_ms = 10'000, .output_bytes = 1 << 16});
    return result.exit_code == 0 ? std::filesystem::path(result.output) : std::filesystem::path();
  } catch (const Error&) {
    return {};
  }
}

// The plug-in is linked to LibTorch by its name alone: one that is loaded already is the one it
// gets.
void load_chosen_torch() {
  const char* const folder = std::getenv(kVariable);
  if (folder == nullptr || *folder == '\0') return;
  const auto path = std::filesystem::path(folder) / kLibraryName;
  std::string reason = "it is not there";
  if (!std::filesystem::exists(path) || !open_library(path, reason))
    throw Error(ErrorCode::kUnsupported,
                fmt::format("{} names {}, but {} cannot be loaded: {}", kVariable, folder,
                            path.string(), reason),
                fmt::format("name a folder that holds LibTorch {}", TANDEM_TORCH_VERSION));
}

void* open_with_torch(const std::filesystem::path& path) {
  const PluginAdvice advice = {
      "build the target tandem_torch, or put the file back where the program looks for it",
      fmt::format(
          "this needs LibTorch {0}: pip install torch=={0}, or name a folder that holds {1} "
          "in {2}",
          TANDEM_TORCH_VERSION, kLibraryName, kVariable)};
  load_chosen_torch();
  try {
    return open_plugin(path, kTorchPluginFunction, advice);
  } catch (const Error& error) {
    const auto folder = installed_torch();
    std::string reason;
    if (error.code() != ErrorCode::kUnsupported || folder.empty() ||
        !open_library(folder / kLibraryName, reason))
      throw;
  }
  return open_plugin(path, kTorchPluginFunction, advice);
}

}  // namespace

const TorchPlugin& load_torch_plugin(const std::filesystem::path& path) {
  const auto function = reinterpret_cast<TorchPluginFunction>(open_with_torch(path));
  const TorchPlugin& plugin = *function(&compute_threads);
  require_plugin_build(path, plugin.build);
  return plugin;
}

const TorchPlugin& torch_plugin() {
  static const TorchPlugin& plugin = load_torch_plugin(find_plugin(kFileName));
  return plugin;
}

std::unique_ptr<BertModel> make_torch_bert(const BertCheckpoint& checkpoint) {
  return torch_plugin().load_bert(checkpoint);
}

std::unique_ptr<TorchDecoder> TorchDecoder::load(const DecoderWeights& weights) {
  return torch_plugin().load_decoder(weights);
}

std::unique_ptr<DeviceDecoder> DeviceDecoder::load(const WeightFile& weights,
                                                   const DecoderConfig& config,
                                                   std::shared_ptr<DeviceRuntime> runtime,
                                                   const DeviceDecoderOptions& options) {
  return torch_plugin().load_device_decoder(weights, config, std::move(runtime), options);
}

std::unique_ptr<DeviceVectors> DeviceVectors::load(std::span<const std::uint16_t> values,
                                                   std::size_t dimension, HalfPrecision type,
                                                   const DeviceRuntime& runtime,
                                                   const DeviceVectorsOptions& options) {
  return torch_plugin().load_device_vectors(values, dimension, type, runtime, options);
}

}  // namespace tandem

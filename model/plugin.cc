#include "model/plugin.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include "base/error.h"
#include "model/plugin_build.h"

namespace tandem {
namespace {

constexpr const char* kPutBack =
    "build it again, or put back the one that was built with this program";

std::string last_error() {
  const char* const text = ::dlerror();
  return text != nullptr ? text : "unknown fault";
}

}  // namespace

std::filesystem::path find_plugin(std::string_view file_name) {
  const auto folder = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  const auto in_lib = folder.parent_path() / "lib" / file_name;
  return std::filesystem::exists(in_lib) && !std::filesystem::exists(folder / file_name)
             ? in_lib
             : folder / file_name;
}

void* open_plugin(const std::filesystem::path& path, const char* name, const PluginAdvice& advice) {
  if (!std::filesystem::exists(path))
    throw Error(ErrorCode::kNotFound, fmt::format("{} is not there", path.string()),
                advice.where_missing);
  void* const library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr)
    throw Error(ErrorCode::kUnsupported,
                fmt::format("{} cannot be loaded: {}", path.string(), last_error()),
                advice.where_unloadable);
  void* const function = ::dlsym(library, name);
  if (function == nullptr)
    throw Error(ErrorCode::kUnsupported,
                fmt::format("{} is not a plug-in of Tandem", path.string()), kPutBack);
  return function;
}

bool open_library(const std::filesystem::path& path, std::string& reason) {
  if (::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL) != nullptr) return true;
  reason = last_error();
  return false;
}

std::string_view plugin_build() {
  return TANDEM_PLUGIN_BUILD;
}

void require_plugin_build(const std::filesystem::path& path, std::string_view build) {
  if (build == plugin_build()) return;
  throw Error(ErrorCode::kUnsupported,
              fmt::format("{} was built from other sources than this program", path.string()),
              kPutBack);
}

}  // namespace tandem

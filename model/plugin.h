// Libraries of our own that a program opens when it first needs them, so that only then it pays for
// the large libraries that they are linked to.
//
// A plug-in is found beside the program, or in ../lib of it, and has one function, by whose name it
// is known: it gives a table that lives as long as the process. A plug-in is never closed, since
// libraries like LibTorch register themselves and do not take it back.
//
// A table of C++ (model/torch_plugin.h) is that of a program which was built from the same headers,
// which plugin_build() tells. Such a plug-in has a copy of what it uses of model/ and base/. That
// is harmless as long as those keep no state, and what is thrown on one side is caught on the
// other; the one piece of state, the number of threads, the plug-in takes from the program
// (follow_compute_threads() in model/threads.h).
#ifndef TANDEM_MODEL_PLUGIN_H_
#define TANDEM_MODEL_PLUGIN_H_

#include <filesystem>
#include <string>
#include <string_view>

namespace tandem {

// Where the plug-in `file_name` is. The path beside the program where there is none.
std::filesystem::path find_plugin(std::string_view file_name);

struct PluginAdvice {
  std::string where_missing;     // for a file that is not there
  std::string where_unloadable;  // for one that the dynamic linker refuses
};

// The function `name` of a plug-in, which is opened for the rest of the process. Safe from any
// thread. Throws kNotFound if there is no such file, and kUnsupported if it or a library that it
// needs cannot be loaded, or it has no such function.
void* open_plugin(const std::filesystem::path& path, const char* name, const PluginAdvice& advice);

// Opens a library for the rest of the process, its names seen by nobody else. False if it cannot be
// loaded; `reason` then says why.
bool open_library(const std::filesystem::path& path, std::string& reason);

// Names the headers that this program, or plug-in, was compiled with.
std::string_view plugin_build();

// For the plug-in at `path`. Throws kUnsupported unless `build`, which it was compiled with, is
// that of the caller.
void require_plugin_build(const std::filesystem::path& path, std::string_view build);

}  // namespace tandem

#endif  // TANDEM_MODEL_PLUGIN_H_

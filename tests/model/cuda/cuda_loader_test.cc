// The loader, with libraries that were made to be refused; and with the real plug-in where it was
// built, which is all that can be tried without a GPU.
#include "model/cuda_loader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "base/file.h"
#include "model/torch_plugin.h"
#include "tests/support/errors.h"
#include "tests/support/paths.h"

namespace tandem {
namespace {

using testing::error_of;
using ::testing::HasSubstr;

// FAKE_PLUGIN_FOLDER is where the build puts the libraries of fake_plugin.cc.
std::filesystem::path fake(const std::string& name) {
  return std::filesystem::path(FAKE_PLUGIN_FOLDER) / ("libfake_" + name + ".so");
}

TEST(CudaLoaderTest, NamesThePluginThatIsNotThere) {
  const auto error = error_of([] { (void)load_cuda_plugin("/nowhere/libtandem_cuda.so"); });
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->code(), ErrorCode::kNotFound);
  EXPECT_THAT(error->message(), HasSubstr("/nowhere/libtandem_cuda.so"));
  EXPECT_THAT(error->advice(), HasSubstr("--device cuda"));
}

TEST(CudaLoaderTest, SaysWhyALibraryCannotBeLoaded) {
  const testing::TemporaryFolder folder;
  write_file_atomic(folder.path() / "libtandem_cuda.so", "not a library");
  const auto error = error_of([&] { (void)load_cuda_plugin(folder.path() / "libtandem_cuda.so"); });
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->code(), ErrorCode::kUnsupported);
  EXPECT_THAT(error->message(), HasSubstr("file too short"));
  const auto missing = error_of([] { (void)load_cuda_plugin(fake("needs_missing")); });
  ASSERT_TRUE(missing.has_value());
  EXPECT_THAT(missing->message(), HasSubstr("undefined symbol"));
}

TEST(CudaLoaderTest, RefusesPluginsOfOtherPrograms) {
  struct Case {
    const char* name;
    const char* reason;
  };
  for (const auto& [name, reason] :
       {Case{"other_symbol", "is not a plug-in"}, Case{"other_version", "version 999"},
        Case{"other_torch", "built for LibTorch 1.0.0"}}) {
    const auto error = error_of([&] { (void)load_cuda_plugin(fake(name)); });
    ASSERT_TRUE(error.has_value()) << name;
    EXPECT_EQ(error->code(), ErrorCode::kUnsupported);
    EXPECT_THAT(error->message(), HasSubstr(reason));
    EXPECT_THAT(error->message(), HasSubstr(fake(name).string()));
  }
}

TEST(CudaLoaderTest, PassesOnWhyThereIsNoDevice) {
  const auto& plugin = load_cuda_plugin(fake("no_device"));
  const auto error = error_of([&] { (void)open_cuda_device(plugin, 0); });
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->code(), ErrorCode::kUnsupported);
  EXPECT_THAT(error->message(), HasSubstr("no driver in this test"));
  EXPECT_THAT(error->advice(), HasSubstr("nvidia-smi"));
}

// The last of this program that holds: RealPluginTest loads the kernels, in a process of its own.
TEST(CudaLoaderTest, RefusesADeviceWithoutKernelsForIt) {
  const auto& plugin = load_cuda_plugin(fake("good"));
  EXPECT_FALSE(torch_plugin().cuda_kernels_registered());
  const auto error = error_of([&] { (void)open_cuda_device(plugin, 0); });
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->code(), ErrorCode::kUnsupported);
  EXPECT_THAT(error->message(), HasSubstr("no kernels for Test GPU"));
  EXPECT_EQ(testing::error_code_of([&] { (void)open_cuda_device(plugin, 1); }),
            ErrorCode::kUnsupported);
}

TEST(CudaLoaderTest, RecordsAndReplaysThroughThePlugin) {
  const auto runtime = detail::make_cuda_runtime(load_cuda_plugin(fake("good")), 0);
  EXPECT_EQ(runtime->device(), "cuda:0");
  EXPECT_EQ(runtime->description(), "Test GPU");
  EXPECT_EQ(runtime->bytes_per_second(), 1e12);
  int calls = 0;
  auto work = runtime->record([&] { ++calls; });
  EXPECT_EQ(calls, 2);
  work->replay();
  work->replay();
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(runtime->memory().free_bytes, 220u);  // two calls, two replays
  const auto error = error_of([&] { work->replay(); });
  ASSERT_TRUE(error.has_value());
  EXPECT_THAT(error->message(), HasSubstr("the third one fails"));
  work.reset();
  EXPECT_EQ(runtime->memory().free_bytes, 231u);
}

TEST(CudaLoaderTest, WhatTheWorkThrowsComesOutOfRecord) {
  const auto runtime = detail::make_cuda_runtime(load_cuda_plugin(fake("good")), 0);
  EXPECT_THROW((void)runtime->record([] { throw std::out_of_range("of the work"); }),
               std::out_of_range);
}

// With -DTANDEM_CUDA=ON. Where there is no driver, this is as far as one gets: the plug-in, the
// 450 MB of libtorch_cuda and all of CUDA's libraries are loaded, and the kernels have registered.
TEST(RealPluginTest, LoadsAndRegistersItsKernels) {
  const std::filesystem::path path = find_cuda_plugin();
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " was not built";
  const auto& plugin = load_cuda_plugin(path);
  EXPECT_TRUE(torch_plugin().cuda_kernels_registered());
  TandemCudaMessage message{};
  if (plugin.device_count(&message) > 0) {
    EXPECT_EQ(open_cuda()->device(), "cuda:0");
    return;
  }
  const auto error = error_of([] { (void)open_cuda(); });
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->code(), ErrorCode::kUnsupported);
  EXPECT_THAT(error->message(), HasSubstr("there is no GPU to use"));
  EXPECT_THAT(error->message(), HasSubstr("CUDA"));
}

}  // namespace
}  // namespace tandem

// The plug-in of LibTorch, as it is opened; what it computes is tested with the networks.
#include "model/torch_plugin.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <omp.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "base/file.h"
#include "model/plugin.h"
#include "model/threads.h"
#include "tests/support/errors.h"
#include "tests/support/paths.h"

namespace tandem {
namespace {

using testing::error_of;
using ::testing::HasSubstr;

bool is_mapped(const std::string& library) {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);)
    if (line.find(library) != std::string::npos) return true;
  return false;
}

TEST(TorchPluginTest, NothingIsLoadedBeforeItIsNeeded) {
  if (is_mapped("libtandem_torch")) GTEST_SKIP() << "another test of this process has loaded it";
  EXPECT_FALSE(is_mapped("libtorch_cpu"));
  EXPECT_FALSE(is_mapped("libopenblas"));
  (void)torch_plugin();
  EXPECT_TRUE(is_mapped("libtorch_cpu"));
}

TEST(TorchPluginTest, NamesThePluginThatIsNotThere) {
  const auto error = error_of([] { (void)load_torch_plugin("/nowhere/libtandem_torch.so"); });
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->code(), ErrorCode::kNotFound);
  EXPECT_THAT(error->message(), HasSubstr("/nowhere/libtandem_torch.so"));
  EXPECT_THAT(error->advice(), HasSubstr("tandem_torch"));
}

// FAKE_PLUGIN is where the build puts the library of fake_torch_plugin.cc.
TEST(TorchPluginTest, RefusesAPluginOfOtherSources) {
  const auto error = error_of([] { (void)load_torch_plugin(FAKE_PLUGIN); });
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->code(), ErrorCode::kUnsupported);
  EXPECT_THAT(error->message(), HasSubstr("built from other sources"));
  EXPECT_THAT(error->message(), HasSubstr(FAKE_PLUGIN));
}

TEST(TorchPluginTest, SaysWhatAPluginThatCannotBeLoadedNeeds) {
  const testing::TemporaryFolder folder;
  const auto path = folder.path() / "libtandem_torch.so";
  write_file_atomic(path, "not a library");
  const auto error = error_of([&] { (void)load_torch_plugin(path); });
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->code(), ErrorCode::kUnsupported);
  EXPECT_THAT(error->message(), HasSubstr("file too short"));
  EXPECT_THAT(error->advice(), HasSubstr("TANDEM_LIBTORCH"));
}

TEST(TorchPluginTest, SaysThatTheChosenFolderHoldsNoLibTorch) {
  ::setenv("TANDEM_LIBTORCH", "/nowhere", 1);
  const auto error = error_of([] { (void)load_torch_plugin(find_plugin("libtandem_torch.so")); });
  ::unsetenv("TANDEM_LIBTORCH");
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->code(), ErrorCode::kUnsupported);
  EXPECT_THAT(error->message(), HasSubstr("TANDEM_LIBTORCH names /nowhere"));
}

TEST(TorchPluginTest, GivesTheFolderOfItsLibTorch) {
  EXPECT_TRUE(std::filesystem::exists(torch_plugin().torch_folder() / "libtorch_cpu.so"));
}

// OpenMP keeps its count for each thread, and the program and LibTorch use the same OpenMP.
TEST(TorchPluginTest, ComputesWithTheThreadsOfTheProgram) {
  if (!std::filesystem::exists(testing::encoder_folder()))
    GTEST_SKIP() << testing::encoder_folder() << " is not there";
  const auto model = BertModel::load(testing::encoder_folder(), BertExecutor::kTorch);
  std::vector<float> out(static_cast<std::size_t>(model->config().hidden_size));
  for (const int count : {1, 3, 2}) {
    set_compute_threads(count);
    model->pooled_states(std::vector<std::vector<TokenId>>{{101, 2000, 102}}, Pooling::kMean, out);
    EXPECT_EQ(omp_get_max_threads(), count);
  }
  set_compute_threads(0);
}

}  // namespace
}  // namespace tandem

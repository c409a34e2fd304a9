#include "base/subprocess.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <thread>

#include "base/file.h"
#include "tests/support/errors.h"
#include "tests/support/paths.h"

namespace tandem {
namespace {

using testing::error_code_of;
using testing::TemporaryFolder;

SubprocessResult run_shell(const std::string& script, const SubprocessLimits& limits = {}) {
  return run_subprocess({"sh", "-c", script}, "", limits);
}

// Whether a process runs; one that ended but was not reaped by its new parent does not.
bool runs(const std::string& pid) {
  std::ifstream status("/proc/" + pid + "/stat");
  std::string number, name, state;
  return static_cast<bool>(status >> number >> name >> state) && state != "Z" && state != "X";
}

bool ends_soon(const std::string& pid) {
  for (int i = 0; i < 100 && runs(pid); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return !runs(pid);
}

std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

TEST(SubprocessTest, CarriesInputAndOutputLargerThanAnyPipe) {
  std::string input;
  for (int i = 0; i < 400'000; ++i) input += std::to_string(i) + '\n';
  const SubprocessResult result = run_subprocess({"cat"}, input);
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.output, input);
}

TEST(SubprocessTest, ReportsExitCodeAndErrorOutput) {
  const SubprocessResult result = run_shell("echo out; echo err >&2; exit 3");
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_EQ(result.output, "out\n");
  EXPECT_EQ(result.error_output, "err\n");
}

TEST(SubprocessTest, ReportsASignalAs128AndItsNumber) {
  EXPECT_EQ(run_shell("kill -9 $$").exit_code, 137);
}

TEST(SubprocessTest, KeepsOnlyTheStartOfLongErrorOutput) {
  const SubprocessResult result = run_shell("yes | head -c 300000 >&2");
  EXPECT_EQ(result.error_output.size(), 65536u);
}

TEST(SubprocessTest, MissingProgramIsNotFound) {
  EXPECT_EQ(error_code_of([] { run_subprocess({"no-such-converter"}, ""); }), ErrorCode::kNotFound);
}

TEST(SubprocessTest, ProgramThatIgnoresItsInputIsNoError) {
  EXPECT_EQ(run_subprocess({"true"}, std::string(5'000'000, 'x')).exit_code, 0);
}

TEST(SubprocessTest, ArgumentsAreNotReadByAShell) {
  EXPECT_EQ(run_subprocess({"echo", "$HOME; `id`"}, "").output, "$HOME; `id`\n");
}

TEST(SubprocessTest, EnvironmentIsNotInherited) {
  ::setenv("TANDEM_TEST_SECRET", "hunter2", 1);
  const std::string output = run_subprocess({"env"}, "").output;
  ::unsetenv("TANDEM_TEST_SECRET");
  EXPECT_EQ(output.find("hunter2"), std::string::npos);
  EXPECT_NE(output.find("LC_ALL=C.UTF-8"), std::string::npos);
}

TEST(SubprocessTest, TimeoutKillsTheProgramAndItsChildren) {
  const TemporaryFolder folder;
  const std::string file = (folder.path() / "pid").string();
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(error_code_of(
                [&] { run_shell("sleep 60 & echo $! > " + file + "; wait", {.timeout_ms = 300}); }),
            ErrorCode::kTimeout);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
  std::string pid;
  std::ifstream(file) >> pid;
  ASSERT_FALSE(pid.empty());
  EXPECT_TRUE(ends_soon(pid));
}

TEST(SubprocessTest, TimeoutHoldsForAProgramThatClosedItsOutput) {
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(error_code_of([] { run_shell("exec >&- 2>&-; sleep 30", {.timeout_ms = 300}); }),
            ErrorCode::kTimeout);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
}

TEST(SubprocessTest, NoChildOfTheProgramOutlivesTheCall) {
  const SubprocessResult result = run_shell("sleep 60 >/dev/null 2>&1 & echo $!");
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_TRUE(ends_soon(first_line(result.output)));
}

TEST(SubprocessTest, EndlessOutputIsTooLarge) {
  EXPECT_EQ(error_code_of([] { run_subprocess({"yes"}, "", {.output_bytes = 1 << 20}); }),
            ErrorCode::kTooLarge);
}

TEST(SubprocessTest, OutputUpToTheLimitIsKept) {
  const SubprocessResult result = run_shell("yes | head -c 1000", {.output_bytes = 1000});
  EXPECT_EQ(result.output.size(), 1000u);
}

TEST(SubprocessTest, MemoryIsLimited) {
  // tail keeps all of a text without line ends.
  const SubprocessResult result =
      run_shell("head -c 400000000 /dev/zero | tail -n 1 | wc -c", {.memory_bytes = 100ull << 20});
  EXPECT_EQ(first_line(result.output), "0");
}

// A handler of a library may wait for a thread that waits for this one.
TEST(SubprocessTest, HandlersForForkAreNotRun) {
  static bool handler_ran = false;
  ASSERT_EQ(::pthread_atfork([] { handler_ran = true; }, nullptr, nullptr), 0);
  EXPECT_EQ(run_shell("echo done").output, "done\n");
  EXPECT_FALSE(handler_ran);
}

BackgroundCommand background_shell(const TemporaryFolder& folder, const std::string& script) {
  return {.arguments = {"sh", "-c", script}, .folder = folder.path(), .log = folder.path() / "log"};
}

TEST(BackgroundProcessTest, WhatItSaysIsAppendedToItsLog) {
  const TemporaryFolder folder;
  BackgroundCommand command = background_shell(folder, "echo $GREETING; pwd >&2; exit 3");
  command.environment = {"GREETING=hello"};
  for (int i = 0; i < 2; ++i) EXPECT_EQ(BackgroundProcess(command).wait(10'000), 3);
  const std::string once = "hello\n" + folder.path().string() + "\n";
  EXPECT_EQ(read_file(command.log), once + once);
}

TEST(BackgroundProcessTest, ItsNicenessIsAddedToOurs) {
  const TemporaryFolder folder;
  BackgroundCommand command = background_shell(folder, "nice");
  command.niceness = 3;
  EXPECT_EQ(BackgroundProcess(command).wait(10'000), 0);
  EXPECT_EQ(read_file(command.log), std::to_string(::nice(0) + 3) + "\n");
}

TEST(BackgroundProcessTest, ItEndsWithWhatItStarted) {
  const TemporaryFolder folder;
  const BackgroundCommand command = background_shell(folder, "sleep 100 & echo $! $$; wait");
  {
    BackgroundProcess process(command);
    while (read_file(command.log).empty()) EXPECT_EQ(process.wait(10), std::nullopt);
  }
  std::istringstream pids(read_file(command.log));
  for (std::string pid; pids >> pid;) EXPECT_TRUE(ends_soon(pid));
}

// As when a server is killed.
TEST(BackgroundProcessTest, ItEndsWithTheThreadThatStartedIt) {
  const TemporaryFolder folder;
  const BackgroundCommand command = background_shell(folder, "echo $$; exec sleep 100");
  std::unique_ptr<BackgroundProcess> process;
  std::thread([&] {
    process = std::make_unique<BackgroundProcess>(command);
    while (read_file(command.log).empty()) process->wait(10);
  }).join();
  EXPECT_EQ(process->wait(10'000), 128 + SIGKILL);
}

// Connections that are open when it starts would otherwise stay so for as long as it runs.
TEST(BackgroundProcessTest, ItInheritsNoOpenFiles) {
  const TemporaryFolder folder;
  const int open = ::dup(STDERR_FILENO);
  const BackgroundCommand command =
      background_shell(folder, "test ! -e /proc/$$/fd/" + std::to_string(open));
  EXPECT_EQ(BackgroundProcess(command).wait(10'000), 0);
  ::close(open);
}

TEST(BackgroundProcessTest, AProgramThatIsNotThereIsSaid) {
  const TemporaryFolder folder;
  BackgroundCommand command = background_shell(folder, "");
  command.arguments = {"no-such-program-of-tandem"};
  EXPECT_EQ(error_code_of([&] { BackgroundProcess process(command); }), ErrorCode::kNotFound);
}

}  // namespace
}  // namespace tandem

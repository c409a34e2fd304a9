#include "server/access/audit_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>
#include <vector>

#include "base/file.h"
#include "tests/support/paths.h"

namespace tandem {
namespace {

using nlohmann::json;

std::vector<json> lines_in(const std::filesystem::path& path) {
  std::vector<json> lines;
  std::string text = read_file(path);
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    EXPECT_NE(end, std::string::npos) << "a line that is not whole: " << text;
    if (end == std::string::npos) break;
    lines.push_back(json::parse(text.substr(0, end)));
    text.erase(0, end + 1);
  }
  return lines;
}

AuditEntry entry(const std::string& path) {
  return {.caller = {.key_id = "key_1",
                     .owner = {},
                     .scope = Scope::kWrite,
                     .collections = {},
                     .who = {}},
          .client = "127.0.0.1",
          .method = "POST",
          .path = path,
          .status = 201,
          .request_id = "req_1"};
}

TEST(AuditLogTest, SaysWhoDidWhat) {
  const testing::TemporaryFolder folder;
  AuditLog log(folder.path());
  log.write(entry("/v1/documents"));
  AuditEntry refused = entry("/v1/\xff\n\"");
  refused.caller = {};
  refused.caller.who = Readers{"user:anna"};
  refused.status = 401;
  log.write(refused);
  const std::vector<json> lines = lines_in(folder.path() / "audit.log");
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0].at("key"), "key_1");
  EXPECT_EQ(lines[0].at("who"), nullptr);
  EXPECT_EQ(lines[0].at("path"), "/v1/documents");
  EXPECT_EQ(lines[0].at("time").get<std::string>().size(),
            std::string("2026-01-01T00:00:00Z").size());
  EXPECT_EQ(lines[1].at("key"), nullptr);
  EXPECT_EQ(lines[1].at("who"), json({"user:anna"}));
  EXPECT_EQ(lines[1].at("status"), 401);
}

TEST(AuditLogTest, OnlyChangesAndRefusalsAreWritten) {
  EXPECT_FALSE(AuditLog::wants(Scope::kRead, 200));
  EXPECT_FALSE(AuditLog::wants(Scope::kRead, 404));
  EXPECT_FALSE(AuditLog::wants(Scope::kNone, 403));
  EXPECT_TRUE(AuditLog::wants(Scope::kRead, 401));
  EXPECT_TRUE(AuditLog::wants(Scope::kRead, 429));
  EXPECT_TRUE(AuditLog::wants(Scope::kWrite, 200));
  EXPECT_TRUE(AuditLog::wants(Scope::kAdmin, 500));
}

TEST(AuditLogTest, TheFileIsTurnedOverAndGoesOnAfterARestart) {
  const testing::TemporaryFolder folder;
  for (int run = 0; run < 2; ++run) {
    AuditLog log(folder.path(), 1000);
    for (int i = 0; i < 6; ++i) log.write(entry("/v1/documents"));
  }
  const auto now = lines_in(folder.path() / "audit.log");
  const auto former = lines_in(folder.path() / "audit.log.1");
  EXPECT_LE(std::filesystem::file_size(folder.path() / "audit.log.1"), 1000u);
  EXPECT_GE(former.size(), 3u);
  EXPECT_LE(now.size(), former.size());
}

TEST(AuditLogTest, LinesOfManyThreadsStayWhole) {
  const testing::TemporaryFolder folder;
  AuditLog log(folder.path());
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&log, t] {
      for (int i = 0; i < 50; ++i) log.write(entry("/v1/documents/" + std::to_string(t)));
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(lines_in(folder.path() / "audit.log").size(), 200u);
}

TEST(AuditLogTest, AFolderThatIsGoneDoesNotFailARequest) {
  AuditLog log("/nowhere/at/all");
  log.write(entry("/v1/documents"));
}

}  // namespace
}  // namespace tandem

#include "base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

namespace tandem {
namespace {

using nlohmann::json;
using ::testing::EndsWith;
using ::testing::MatchesRegex;

class LogTest : public ::testing::Test {
 protected:
  void TearDown() override {
    set_log_format(LogFormat::kText);
    set_log_level(LogLevel::kInfo);
  }

  // The only line that `write` writes, without its end.
  template <typename Write>
  static std::string line_of(const Write& write) {
    ::testing::internal::CaptureStderr();
    write();
    std::string line = ::testing::internal::GetCapturedStderr();
    EXPECT_THAT(line, EndsWith("\n"));
    if (!line.empty()) line.pop_back();
    EXPECT_EQ(line.find('\n'), std::string::npos) << line;
    return line;
  }
};

TEST_F(LogTest, TextIsTheDefaultAndHasNoFields) {
  const std::array<LogField, 1> fields = {{{"status", std::int64_t{200}}}};
  EXPECT_THAT(line_of([&] { log(LogLevel::kWarning, "the tide turns", fields); }),
              MatchesRegex("....-..-..T..:..:..\\.... warning the tide turns"));
}

TEST_F(LogTest, JsonHasTimeLevelMessageAndFields) {
  set_log_format(LogFormat::kJson);
  const std::array<LogField, 3> fields = {
      {{"route", "/v1/files/{id}"}, {"status", std::int64_t{404}}, {"seconds", 0.25}}};
  const json line = json::parse(line_of([&] { log(LogLevel::kError, "not there", fields); }));
  EXPECT_THAT(line.at("time"),
              ::testing::ResultOf([](const json& time) { return time.get<std::string>(); },
                                  MatchesRegex("....-..-..T..:..:..\\....Z")));
  EXPECT_EQ(line.at("level"), "error");
  EXPECT_EQ(line.at("message"), "not there");
  EXPECT_EQ(line.at("route"), "/v1/files/{id}");
  EXPECT_EQ(line.at("status"), 404);
  EXPECT_EQ(line.at("seconds"), 0.25);
  EXPECT_FALSE(line.contains("request_id"));
}

TEST_F(LogTest, AnyTextIsOneLineOfJson) {
  set_log_format(LogFormat::kJson);
  const std::string nasty = "a \"b\" \\ c\n\t\x01 \xff é 🗼";
  const json line = json::parse(line_of([&] { log_info("{}", nasty); }));
  EXPECT_EQ(line.at("message"), "a \"b\" \\ c\n\t\x01 \xef\xbf\xbd é 🗼");
}

TEST_F(LogTest, LinesOfARequestNameIt) {
  set_log_format(LogFormat::kJson);
  const std::string id = "req_1";
  {
    const LogRequest request(id);
    EXPECT_EQ(json::parse(line_of([] { log_info("a"); })).at("request_id"), "req_1");
    const std::string other =
        line_of([] { std::thread([] { log_info("of another thread"); }).join(); });
    EXPECT_FALSE(json::parse(other).contains("request_id"));
  }
  EXPECT_FALSE(json::parse(line_of([] { log_info("b"); })).contains("request_id"));
}

TEST_F(LogTest, LinesBelowTheLevelAreDropped) {
  set_log_format(LogFormat::kJson);
  set_log_level(LogLevel::kWarning);
  ::testing::internal::CaptureStderr();
  log_info("not to be seen");
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace tandem

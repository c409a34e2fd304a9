#include "server/access/gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/file.h"
#include "tests/support/paths.h"

namespace tandem {
namespace {

using ::testing::Contains;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;
using namespace std::chrono_literals;

class GateTest : public ::testing::Test {
 protected:
  std::string add(const std::string& name, const std::function<void(ApiKey&)>& change = {}) {
    ApiKey key;
    key.name = name;
    if (change) change(key);
    return add_api_key(folder_.path(), key);
  }

  Gate& gate() {
    if (!gate_) {
      options_.steady_now = [this] { return now_; };
      options_.now_unix_s = [this] { return unix_s_; };
      gate_ = std::make_unique<Gate>(folder_.path(), options_);
    }
    return *gate_;
  }

  Admission ask(const std::string& key, const RouteAccess& access = kReadsCollections) {
    return gate().admit(key.empty() ? "" : "Bearer " + key, access);
  }
  int status(const std::string& key, const RouteAccess& access = kReadsCollections) {
    const Admission admission = ask(key, access);
    return admission.fault ? admission.fault->status : 200;
  }

  const testing::TemporaryFolder folder_;
  GateOptions options_;
  std::chrono::nanoseconds now_ = 1h;
  std::int64_t unix_s_ = 1'000'000;
  std::unique_ptr<Gate> gate_;
};

TEST_F(GateTest, WithoutKeysThisMachineMayDoEverythingAndOthersNothing) {
  EXPECT_EQ(ask("").caller.scope, Scope::kAdmin);
  EXPECT_EQ(status("sk-of-another-make", kAdministers), 200);
  options_.loopback = false;
  gate_.reset();
  EXPECT_EQ(status(""), 401);
  EXPECT_EQ(status("", kForEverybody), 200);
}

TEST_F(GateTest, TheFirstKeyEndsThat) {
  EXPECT_EQ(status(""), 200);
  const std::string key = add("first");
  EXPECT_EQ(status(""), 401);
  EXPECT_EQ(status(key), 200);
  remove_api_key(folder_.path(), "first");
  EXPECT_EQ(status(key), 401) << "a key of ours that is gone is not taken for none";
  EXPECT_EQ(status(""), 200);
}

TEST_F(GateTest, AKeyHasItsScope) {
  const std::string read = add("read");
  const std::string write = add("write", [](ApiKey& key) { key.scope = Scope::kWrite; });
  const std::string admin = add("admin", [](ApiKey& key) { key.scope = Scope::kAdmin; });
  const std::vector<std::pair<std::string, std::vector<int>>> expected = {
      {read, {200, 403, 403}}, {write, {200, 200, 403}}, {admin, {200, 200, 200}}};
  for (const auto& [key, statuses] : expected) {
    EXPECT_EQ(status(key, kReadsServer), statuses[0]);
    EXPECT_EQ(status(key, kWritesCollections), statuses[1]);
    EXPECT_EQ(status(key, kAdministers), statuses[2]);
  }
}

TEST_F(GateTest, AKeyOfSomeCollectionsIsKeptOutOfWhatConcernsTheServer) {
  const std::string key = add("tenant", [](ApiKey& made) {
    made.scope = Scope::kWrite;
    made.collections = {"a", "b"};
  });
  const Admission admission = ask(key, kWritesCollections);
  ASSERT_FALSE(admission.fault);
  EXPECT_TRUE(admission.caller.may_use("b"));
  EXPECT_FALSE(admission.caller.may_use("c"));
  EXPECT_TRUE(admission.caller.may_see(admission.caller.key_id));
  EXPECT_FALSE(admission.caller.may_see(""));
  EXPECT_EQ(status(key, kReadsServer), 403);
}

TEST_F(GateTest, ARequestNamesThoseItIsFor) {
  const auto who = [&](const std::string& key, std::string_view header) {
    return gate().admit("Bearer " + key, kReadsCollections, header).caller.who;
  };
  const std::string all = add("all");
  const std::string some = add("some", [](ApiKey& made) { made.who = Readers{"hr", "it"}; });
  EXPECT_EQ(who(all, ""), std::nullopt);
  EXPECT_EQ(who(all, "user:b , hr,hr"), (Readers{"hr", "user:b"}));
  EXPECT_EQ(who(some, ""), (Readers{"hr", "it"}));
  EXPECT_EQ(who(some, "it, legal"), Readers{"it"});
  EXPECT_EQ(who(some, "legal"), Readers());
  for (const std::string_view header : {",", "a,,b", "a,", " "}) {
    const Admission admission = gate().admit("Bearer " + all, kReadsCollections, header);
    EXPECT_EQ(admission.fault->status, 400) << header;
  }
  const Admission admission = gate().admit("Bearer " + all, kReadsServer, "hr");
  ASSERT_TRUE(admission.fault);
  EXPECT_EQ(admission.fault->code, "limited_caller");
}

TEST_F(GateTest, WhatPeopleOfOneServiceMakeIsTheirOwn) {
  const std::string key = add("service");
  const Caller anna = gate().admit("Bearer " + key, kReadsCollections, "anna").caller;
  const Caller bert = gate().admit("Bearer " + key, kReadsCollections, "bert").caller;
  EXPECT_TRUE(anna.may_see(anna.owner));
  EXPECT_FALSE(anna.may_see(bert.owner));
  EXPECT_TRUE(ask(key).caller.may_see(bert.owner));
}

TEST_F(GateTest, AKeyExpires) {
  const std::string key = add("guest", [](ApiKey& made) { made.expires_at_unix_s = 1'000'100; });
  EXPECT_EQ(status(key), 200);
  unix_s_ = 1'000'100;
  EXPECT_EQ(ask(key).fault->code, "expired_api_key");
}

TEST_F(GateTest, SomeAreLetInWithoutAKey) {
  const std::string write = add("write", [](ApiKey& key) { key.scope = Scope::kWrite; });
  options_.anonymous = Scope::kRead;
  options_.loopback = false;
  EXPECT_EQ(status(""), 200);
  EXPECT_EQ(status("", kWritesCollections), 401) << "not 403: a key would do";
  EXPECT_EQ(status(write, kWritesCollections), 200);
}

TEST_F(GateTest, RequestsAreCountedByTheMinute) {
  const std::string key = add("busy", [](ApiKey& made) { made.requests_per_minute = 6; });
  for (int i = 5; i >= 0; --i) {
    EXPECT_THAT(ask(key).headers,
                Contains(Pair("x-ratelimit-remaining-requests", std::to_string(i))));
  }
  const Admission refused = ask(key);
  EXPECT_EQ(refused.fault->status, 429);
  EXPECT_THAT(refused.headers, Contains(Pair("Retry-After", "10")));
  EXPECT_THAT(refused.headers, Contains(Pair("x-ratelimit-reset-requests", "60s")));
  now_ += 10s;
  EXPECT_EQ(status(key), 200);
  EXPECT_EQ(status(key), 429);
  now_ += 24h;  // no more than a minute's are saved up
  EXPECT_THAT(ask(key).headers, Contains(Pair("x-ratelimit-remaining-requests", "5")));
}

TEST_F(GateTest, RequestsGoingOnAreCountedUntilTheyEnd) {
  const std::string key = add("eager", [](ApiKey& made) { made.max_concurrent = 2; });
  Admission first = ask(key);
  const Admission second = ask(key);
  EXPECT_EQ(ask(key).fault->code, "too_many_requests");
  first = {};
  EXPECT_FALSE(ask(key).fault);
}

TEST_F(GateTest, WhatIsRefusedForItsScopeDoesNotCount) {
  const std::string key = add("busy", [](ApiKey& made) { made.requests_per_minute = 1; });
  for (int i = 0; i < 5; ++i) EXPECT_EQ(status(key, kAdministers), 403);
  EXPECT_EQ(status(key), 200);
}

TEST_F(GateTest, TheSchemeIsBearerInAnyCase) {
  const std::string key = add("one");
  EXPECT_FALSE(gate().admit("bearer  " + key, kReadsServer).fault);
  for (const std::string& header :
       std::vector<std::string>{"Basic " + key, "Bearer", "Bearer ", key, "Bearer " + key + " "}) {
    EXPECT_EQ(gate().admit(header, kReadsServer).fault->status, 401) << header;
  }
}

TEST_F(GateTest, DamagedKeysLeaveThoseOfBefore) {
  const std::string key = add("one");
  EXPECT_EQ(status(key), 200);
  write_file_atomic(folder_.path() / "keys.json", "{");
  EXPECT_EQ(status(key), 200);
  EXPECT_EQ(status(""), 401);
  EXPECT_THROW(Gate(folder_.path(), options_), Error);
}

ApiKey named(const std::string& name) {
  ApiKey key;
  key.name = name;
  return key;
}

TEST(ApiKeysTest, OnlyTheDigestIsKept) {
  const testing::TemporaryFolder folder;
  const std::string secret = add_api_key(folder.path(), named("one"));
  EXPECT_THAT(secret, SizeIs(47));
  EXPECT_NE(secret, rotate_api_key(folder.path(), "one"));
  EXPECT_EQ(read_file(folder.path() / "keys.json").find(secret), std::string::npos);
}

TEST(ApiKeysTest, RefusesWhatMakesNoSense) {
  const testing::TemporaryFolder folder;
  const auto refuse = [&](const ApiKey& key, ErrorCode code) {
    try {
      add_api_key(folder.path(), key);
      ADD_FAILURE() << key.name << " was taken";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << error.what();
    }
  };
  refuse(named(""), ErrorCode::kInvalidArgument);
  refuse(named(std::string(101, 'x')), ErrorCode::kInvalidArgument);
  refuse(named("\xff"), ErrorCode::kInvalidArgument);
  ApiKey none = named("none");
  none.scope = Scope::kNone;
  refuse(none, ErrorCode::kInvalidArgument);
  ApiKey both = named("both");
  both.scope = Scope::kAdmin;
  both.collections = {"a"};
  refuse(both, ErrorCode::kInvalidArgument);
  ApiKey path = named("path");
  path.collections = {"../a"};
  refuse(path, ErrorCode::kInvalidArgument);
  ApiKey who = named("who");
  who.who = Readers{"a,b"};
  refuse(who, ErrorCode::kInvalidArgument);
  EXPECT_THAT(read_api_keys(folder.path()), IsEmpty());
  add_api_key(folder.path(), named("twice"));
  refuse(named("twice"), ErrorCode::kAlreadyExists);
  EXPECT_THROW(remove_api_key(folder.path(), "nobody"), Error);
}

TEST(ApiKeysTest, NoChangeIsLostWhereManyAreMadeAtOnce) {
  const testing::TemporaryFolder folder;
  std::vector<std::thread> threads;
  threads.reserve(8);
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] { add_api_key(folder.path(), named(std::to_string(i))); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(read_api_keys(folder.path()), SizeIs(8));
}

}  // namespace
}  // namespace tandem

#include "server/http_error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <stdexcept>

namespace tandem {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

template <typename Exception>
HttpError told(const Exception& exception) {
  return to_http_error(std::make_exception_ptr(exception), "req_1");
}

TEST(HttpErrorTest, EveryCodeHasItsStatus) {
  EXPECT_EQ(status_of(ErrorCode::kInvalidArgument), 400);
  EXPECT_EQ(status_of(ErrorCode::kNotFound), 404);
  EXPECT_EQ(status_of(ErrorCode::kAlreadyExists), 409);
  EXPECT_EQ(status_of(ErrorCode::kUnsupported), 415);
  EXPECT_EQ(status_of(ErrorCode::kCorrupt), 500);
  EXPECT_EQ(status_of(ErrorCode::kTooLarge), 413);
  EXPECT_EQ(status_of(ErrorCode::kResourceExhausted), 507);
  EXPECT_EQ(status_of(ErrorCode::kUnavailable), 503);
  EXPECT_EQ(status_of(ErrorCode::kTimeout), 504);
  EXPECT_EQ(status_of(ErrorCode::kInternal), 500);
}

TEST(HttpErrorTest, AdviceIsTold) {
  const HttpError error =
      told(Error(ErrorCode::kResourceExhausted, "the disk is full", "free some"));
  EXPECT_EQ(error.status, 507);
  EXPECT_EQ(error.message, "the disk is full; free some");
  EXPECT_EQ(error.code, "resource_exhausted");
}

TEST(HttpErrorTest, FaultsOfOursAreToldWithoutDetails) {
  for (const HttpError& error :
       {told(std::runtime_error("/home/secret")), told(Error(ErrorCode::kInternal, "/home/secret")),
        told(Error(ErrorCode::kCorrupt, "/home/secret"))}) {
    EXPECT_EQ(error.status, 500);
    EXPECT_THAT(error.message, Not(HasSubstr("secret")));
    EXPECT_THAT(error.message, HasSubstr("req_1"));
  }
  EXPECT_EQ(to_http_error(std::make_exception_ptr(3), "req_1").status, 500);
  EXPECT_EQ(told(std::bad_alloc()).status, 503);
}

TEST(HttpErrorTest, BodyHasOpenAisShape) {
  const json body =
      json::parse(error_body(told(RequestError(404, "no model", "model", "model_not_found"))));
  EXPECT_EQ(body, json::parse(R"({"error": {"message": "no model", "type": "invalid_request_error",
                                            "param": "model", "code": "model_not_found"}})"));
  const json plain = json::parse(error_body(http_error(503, "busy")));
  EXPECT_EQ(plain["error"]["type"], "server_error");
  EXPECT_TRUE(plain["error"]["param"].is_null());
  EXPECT_TRUE(plain["error"]["code"].is_null());
}

TEST(HttpErrorTest, BodyIsValidUtf8WhateverTheMessage) {
  const json body = json::parse(error_body(http_error(400, "bad \xff name")));
  EXPECT_EQ(body["error"]["message"], "bad \xEF\xBF\xBD name");
}

}  // namespace
}  // namespace tandem

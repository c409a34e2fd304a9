#include "server/origin.h"

#include <gtest/gtest.h>

namespace tandem {
namespace {

TEST(OriginTest, FindsTheHostBesideThePort) {
  EXPECT_EQ(host_without_port("example.org:8080"), "example.org");
  EXPECT_EQ(host_without_port("example.org"), "example.org");
  EXPECT_EQ(host_without_port("[::1]:80"), "::1");
  EXPECT_EQ(host_without_port("::1"), "::1");
  EXPECT_EQ(host_without_port("[::1"), "");
  EXPECT_EQ(host_without_port(""), "");
}

TEST(OriginTest, KnowsLoopbackNames) {
  for (const char* host : {"localhost", "LOCALHOST", "tandem.localhost", "127.0.0.1", "127.9.9.9",
                           "::1", "0:0:0:0:0:0:0:1"}) {
    EXPECT_TRUE(is_loopback_host(host)) << host;
  }
  for (const char* host : {"", "example.org", "localhost.example.org", "127.0.0.1.example.org",
                           "10.0.0.1", "0.0.0.0", "::", ".localhost", "notlocalhost"}) {
    EXPECT_FALSE(is_loopback_host(host)) << host;
  }
}

TEST(OriginTest, AServerOnLoopbackAnswersToLoopbackNamesOnly) {
  EXPECT_TRUE(is_expected_host("localhost:8080", "127.0.0.1"));
  EXPECT_FALSE(is_expected_host("rebound.example.org:8080", "127.0.0.1"));
  EXPECT_TRUE(is_expected_host("search.example.org", "0.0.0.0"));
}

TEST(OriginTest, ComparesOriginWithHost) {
  EXPECT_TRUE(is_same_origin("http://localhost:8080", "localhost:8080"));
  EXPECT_TRUE(is_same_origin("https://Search.example.org", "search.example.org"));
  EXPECT_FALSE(is_same_origin("http://localhost:3000", "localhost:8080"));
  EXPECT_FALSE(is_same_origin("http://evil.example.org", "localhost:8080"));
  EXPECT_FALSE(is_same_origin("null", "localhost:8080"));
  EXPECT_FALSE(is_same_origin("", ""));
}

}  // namespace
}  // namespace tandem

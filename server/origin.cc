#include "server/origin.h"

#include <arpa/inet.h>
#include <strings.h>

#include <algorithm>
#include <string>

namespace tandem {
namespace {

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() && ::strncasecmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace

std::string_view host_without_port(std::string_view host) {
  if (host.starts_with('[')) {
    const std::size_t end = host.find(']');
    return end == std::string_view::npos ? std::string_view() : host.substr(1, end - 1);
  }
  // More than one colon outside brackets is a bare IPv6 address.
  const std::size_t colon = host.find(':');
  return colon != host.rfind(':') ? host : host.substr(0, colon);
}

bool is_loopback_host(std::string_view host) {
  if (equal_ignoring_case(host, "localhost")) return true;
  constexpr std::string_view kSuffix = ".localhost";
  if (host.size() > kSuffix.size() &&
      equal_ignoring_case(host.substr(host.size() - kSuffix.size()), kSuffix)) {
    return true;
  }
  const std::string text(host);
  in_addr v4{};
  if (::inet_pton(AF_INET, text.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  in6_addr v6{};
  return ::inet_pton(AF_INET6, text.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

bool is_expected_host(std::string_view host_header, std::string_view bound_host) {
  if (!is_loopback_host(bound_host)) return true;
  const std::string_view host = host_without_port(host_header);
  return is_loopback_host(host) || equal_ignoring_case(host, bound_host);
}

bool is_same_origin(std::string_view origin, std::string_view host_header) {
  const std::size_t scheme_end = origin.find("://");
  return scheme_end != std::string_view::npos &&
         equal_ignoring_case(origin.substr(scheme_end + 3), host_header);
}

}  // namespace tandem

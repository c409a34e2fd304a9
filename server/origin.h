// Keeps other web sites from using a server on the user's own machine.
//
// A page from anywhere can make the user's browser send requests to 127.0.0.1. Two defences, both
// free of configuration: the Host header must name this machine, which stops DNS rebinding (a
// foreign name that resolves to 127.0.0.1), and a request that a browser marks as coming from
// another origin is refused, which stops forged form posts. Programs send no Origin and are not
// affected. Pure; safe from any thread.
#ifndef TANDEM_SERVER_ORIGIN_H_
#define TANDEM_SERVER_ORIGIN_H_

#include <string_view>

namespace tandem {

// "example.org", "[::1]:8080", "127.0.0.1:80" → the host without port and brackets.
std::string_view host_without_port(std::string_view host);

// localhost, names below it, 127.0.0.0/8 and ::1.
bool is_loopback_host(std::string_view host);

// Whether a request with this Host header is meant for a server bound to `bound_host`. A server
// that is reachable from outside cannot know its names and accepts all.
bool is_expected_host(std::string_view host_header, std::string_view bound_host);

// Whether `origin` (the Origin header, such as "http://127.0.0.1:8080") is this server under the
// name that the Host header gives.
bool is_same_origin(std::string_view origin, std::string_view host_header);

}  // namespace tandem

#endif  // TANDEM_SERVER_ORIGIN_H_

#include "server/tls.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/log.h"

namespace tandem {
namespace {

// ALPN (RFC 7301): clients that offer HTTP/2 first are told what is spoken here.
constexpr std::string_view kProtocols = "\x08http/1.1";

int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* chosen_size,
                    const unsigned char* offered, unsigned int offered_size, void*) {
  unsigned char* found = nullptr;
  const auto* const ours = reinterpret_cast<const unsigned char*>(kProtocols.data());
  if (::SSL_select_next_proto(&found, chosen_size, ours, kProtocols.size(), offered,
                              offered_size) != OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_NOACK;
  }
  *chosen = found;
  return SSL_TLSEXT_ERR_OK;
}

std::string last_reason() {
  std::array<char, 256> text{};
  ::ERR_error_string_n(::ERR_get_error(), text.data(), text.size());
  ::ERR_clear_error();
  return text.data();
}

std::shared_ptr<SSL_CTX> load(const TlsFiles& files) {
  std::shared_ptr<SSL_CTX> context(::SSL_CTX_new(::TLS_server_method()), ::SSL_CTX_free);
  TANDEM_CHECK(context != nullptr);
  ::SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  ::SSL_CTX_set_mode(context.get(),
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  ::SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION);
  ::SSL_CTX_set_alpn_select_cb(context.get(), choose_protocol, nullptr);
  // OpenSSL would ask for the passphrase of an encrypted key on the terminal.
  ::SSL_CTX_set_default_passwd_cb(context.get(), [](char*, int, int, void*) { return -1; });
  const auto fail = [](std::string_view what, const std::filesystem::path& path) {
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("{} {} cannot be used: {}", what, path.string(), last_reason()),
                "give a certificate and its key as PEM, the key without a passphrase");
  };
  if (::SSL_CTX_use_certificate_chain_file(context.get(), files.certificate.c_str()) != 1) {
    fail("the certificate", files.certificate);
  }
  if (::SSL_CTX_use_PrivateKey_file(context.get(), files.key.c_str(), SSL_FILETYPE_PEM) != 1 ||
      ::SSL_CTX_check_private_key(context.get()) != 1) {
    fail("the key", files.key);
  }
  return context;
}

std::array<FileStamp, 2> stamps_of(const TlsFiles& files) {
  return {stamp_of(files.certificate), stamp_of(files.key)};
}

TlsProgress progress_of(SSL* session, int result) {
  switch (::SSL_get_error(session, result)) {
    case SSL_ERROR_NONE:
      return TlsProgress::kDone;
    case SSL_ERROR_WANT_READ:
      return TlsProgress::kWantsRead;
    case SSL_ERROR_WANT_WRITE:
      return TlsProgress::kWantsWrite;
    case SSL_ERROR_ZERO_RETURN:
      return TlsProgress::kClosed;
    default:
      // What goes wrong here is the client's fault, and happens all day to a public server.
      ::ERR_clear_error();
      return TlsProgress::kFailed;
  }
}

}  // namespace

TlsContext::TlsContext(TlsFiles files)
    : files_(std::move(files)), stamps_(stamps_of(files_)), context_(load(files_)) {}

TlsContext::~TlsContext() = default;

TlsContext::Context TlsContext::current() {
  const std::lock_guard lock(mutex_);
  if (const auto now = stamps_of(files_); now != stamps_) {
    stamps_ = now;
    try {
      context_ = load(files_);
      log_info("the certificate {} was renewed", files_.certificate.string());
    } catch (const std::exception& error) {
      // So it is between the replacements of the two files; the second leads here again.
      log_error("the former certificate stays: {}", error.what());
    }
  }
  return context_;
}

std::unique_ptr<SSL, void (*)(SSL*)> TlsContext::new_session(int socket) {
  const Context context = current();
  std::unique_ptr<SSL, void (*)(SSL*)> session(::SSL_new(context.get()), ::SSL_free);
  TANDEM_CHECK(session != nullptr && ::SSL_set_fd(session.get(), socket) == 1);
  return session;
}

TlsProgress tls_accept(SSL* session) {
  ::ERR_clear_error();
  return progress_of(session, ::SSL_accept(session));
}

TlsProgress tls_read(SSL* session, char* data, std::size_t size, std::size_t& count) {
  ::ERR_clear_error();
  return progress_of(session, ::SSL_read_ex(session, data, size, &count));
}

TlsProgress tls_write(SSL* session, const char* data, std::size_t size, std::size_t& count) {
  ::ERR_clear_error();
  return progress_of(session, ::SSL_write_ex(session, data, size, &count));
}

bool tls_has_pending(SSL* session) {
  return ::SSL_has_pending(session) == 1;
}

void tls_end(SSL* session) {
  ::ERR_clear_error();
  ::SSL_shutdown(session);
  ::ERR_clear_error();
}

}  // namespace tandem

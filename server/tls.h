// TLS by OpenSSL, for servers that others reach without a proxy in front.
#ifndef TANDEM_SERVER_TLS_H_
#define TANDEM_SERVER_TLS_H_

#include <openssl/types.h>

#include <array>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <mutex>

#include "base/file.h"

namespace tandem {

struct TlsFiles {
  std::filesystem::path certificate;  // PEM, with those that lead to a root after it
  std::filesystem::path key;          // PEM, without a passphrase
};

// TLS 1.2 and 1.3. All methods may be called from any thread.
class TlsContext {
 public:
  // Throws kInvalidArgument for files that are missing, are none, or do not belong together.
  explicit TlsContext(TlsFiles files);
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;
  ~TlsContext();

  // Files that were replaced, as a renewed certificate is, count from the next connection on; what
  // cannot be read is logged, and the former stays. The socket must not block.
  std::unique_ptr<SSL, void (*)(SSL*)> new_session(int socket);

 private:
  using Context = std::shared_ptr<SSL_CTX>;
  Context current();

  const TlsFiles files_;
  std::mutex mutex_;  // guards what follows
  std::array<FileStamp, 2> stamps_;
  Context context_;
};

// How far a step of TLS on a socket that does not block has come.
enum class TlsProgress { kDone, kWantsRead, kWantsWrite, kClosed, kFailed };

// For one thread. `count` is how many bytes were read or written where kDone.
TlsProgress tls_accept(SSL* session);
TlsProgress tls_read(SSL* session, char* data, std::size_t size, std::size_t& count);
TlsProgress tls_write(SSL* session, const char* data, std::size_t size, std::size_t& count);
// Whether bytes have been decrypted that nobody has read.
bool tls_has_pending(SSL* session);
// Says that nothing more will be sent, without waiting for an answer.
void tls_end(SSL* session);

}  // namespace tandem

#endif  // TANDEM_SERVER_TLS_H_

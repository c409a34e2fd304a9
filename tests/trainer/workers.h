// Several workers in the threads of one process, which find each other as separate ones do.
#ifndef TANDEM_TESTS_TRAINER_WORKERS_H_
#define TANDEM_TESTS_TRAINER_WORKERS_H_

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

#include "trainer/worker_group.h"

namespace tandem::testing {

// A port that was free a moment ago.
inline std::uint16_t free_port() {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  const bool bound =
      ::bind(socket, generic, size) == 0 && ::getsockname(socket, generic, &size) == 0;
  ::close(socket);
  if (!bound) throw std::runtime_error("no port is free");
  return ntohs(address.sin_port);
}

// Runs `work` as each of `count` workers at once; it must not throw. A worker has left when its
// `work` returns.
inline void with_workers(int count, const std::function<void(WorkerGroup&)>& work) {
  const std::uint16_t port = free_port();
  std::vector<std::jthread> threads;
  for (int rank = 0; rank < count; ++rank)
    threads.emplace_back([&, rank] {
      WorkerPlace place;
      place.rank = rank;
      place.count = place.local_count = count;
      place.address = "127.0.0.1";
      place.port = port;
      work(*WorkerGroup::join(place));
    });
}

}  // namespace tandem::testing

#endif  // TANDEM_TESTS_TRAINER_WORKERS_H_

// tandem serve: the HTTP API and the page.
#include <fmt/format.h>
#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <cstdio>
#include <memory>
#include <thread>

#include "base/log.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "server/engine.h"
#include "server/server.h"

namespace tandem {
namespace {

struct ServeArguments {
  EngineOptions engine;
  ServerOptions server;
};

sigset_t termination_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  return signals;
}

// Waits for SIGINT or SIGTERM on a thread of its own, because a handler may call next to nothing.
class SignalWatcher {
 public:
  explicit SignalWatcher(Server& server) : thread_([this, &server] { watch(server); }) {}
  SignalWatcher(const SignalWatcher&) = delete;
  SignalWatcher& operator=(const SignalWatcher&) = delete;
  ~SignalWatcher() {
    ended_ = true;
    ::pthread_kill(thread_.native_handle(), SIGTERM);
    thread_.join();
  }

 private:
  void watch(Server& server) {
    const sigset_t signals = termination_signals();
    int received = 0;
    ::sigwait(&signals, &received);
    if (ended_) return;
    log_info("stopping: requests in flight end first");
    server.stop();
  }

  std::atomic<bool> ended_ = false;
  std::thread thread_;
};

void run(const ServeArguments& arguments) {
  // Blocked before any thread starts, so that all inherit it and only the watcher receives them.
  const sigset_t signals = termination_signals();
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  const std::unique_ptr<Engine> engine = Engine::open(arguments.engine);
  const std::unique_ptr<Server> server = Server::start(*engine, arguments.server);
  fmt::print("listening on http://{}:{}\n", arguments.server.host, server->port());
  std::fflush(stdout);
  const SignalWatcher watcher(*server);
  server->run();
}

}  // namespace

void add_serve_command(CLI::App& app) {
  auto arguments = std::make_shared<ServeArguments>();
  arguments->engine.create_store = true;
  CLI::App* command = app.add_subcommand("serve",
                                         "Serve the OpenAI-compatible API and the web page until "
                                         "SIGINT or SIGTERM; requests in flight "
                                         "end first. There is no access control yet: bind to other "
                                         "addresses than loopback only behind "
                                         "a proxy that has.");
  add_engine_options(*command, arguments->engine);
  add_generator_option(*command, arguments->engine);
  command->add_option("--host", arguments->server.host, "Address to bind")->capture_default_str();
  command->add_option("--port", arguments->server.port, "Port to bind; 0: any free one")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  command->add_option("--workers", arguments->server.worker_threads, "Requests worked on at once")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  command->callback([arguments] { run(*arguments); });
}

}  // namespace tandem

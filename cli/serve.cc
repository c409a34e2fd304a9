// tandem serve: the HTTP API and the page.
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <thread>

#include "base/error.h"
#include "base/log.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "server/access/caller.h"
#include "server/engine.h"
#include "server/server.h"

namespace tandem {
namespace {

struct ServeArguments {
  EngineOptions engine;
  ServerOptions server;
  TlsFiles tls;
  LogFormat log_format = LogFormat::kText;
};

// The end of a pipe that the handler writes to; -1 outside SignalWatcher's life.
std::atomic<int> signal_pipe = -1;

extern "C" void report_signal(int) {
  const int saved_errno = errno;
  [[maybe_unused]] const ssize_t written = ::write(signal_pipe, "", 1);
  errno = saved_errno;
}

// Stops the server at SIGINT or SIGTERM. The handler only writes to a pipe, because it may call
// next to nothing. Rejected: blocking the signals for sigwait(), since a library that starts a
// thread when it is loaded (OpenBLAS, under a FAISS that is linked to it) leaves one in which they
// are not blocked, and which then ends the process.
class SignalWatcher {
 public:
  explicit SignalWatcher(Server& server) {
    TANDEM_CHECK(::pipe2(pipe_.data(), O_CLOEXEC) == 0);
    signal_pipe = pipe_[1];
    thread_ = std::thread([this, &server] { watch(server); });
    struct sigaction action {};
    action.sa_handler = report_signal;
    action.sa_flags = SA_RESTART;
    ::sigaction(SIGINT, &action, nullptr);
    ::sigaction(SIGTERM, &action, nullptr);
  }
  SignalWatcher(const SignalWatcher&) = delete;
  SignalWatcher& operator=(const SignalWatcher&) = delete;
  ~SignalWatcher() {
    ::signal(SIGINT, SIG_DFL);
    ::signal(SIGTERM, SIG_DFL);
    ended_ = true;
    report_signal(0);
    thread_.join();
    signal_pipe = -1;
    ::close(pipe_[0]);
    ::close(pipe_[1]);
  }

 private:
  void watch(Server& server) {
    char received = 0;
    while (::read(pipe_[0], &received, 1) < 0 && errno == EINTR) {
    }
    if (ended_) return;
    log_info("stopping: requests in flight end first");
    server.stop();
  }

  std::array<int, 2> pipe_{};
  std::atomic<bool> ended_ = false;
  std::thread thread_;
};

void run(ServeArguments& arguments) {
  set_log_format(arguments.log_format);
  if (!arguments.tls.certificate.empty()) arguments.server.tls = arguments.tls;
  const std::unique_ptr<Engine> engine = Engine::open(arguments.engine);
  const std::unique_ptr<Server> server = Server::start(*engine, arguments.server);
  const SignalWatcher watcher(*server);
  fmt::print("listening on {}://{}:{}\n", arguments.server.tls ? "https" : "http",
             arguments.server.host, server->port());
  std::fflush(stdout);
  server->run();
}

}  // namespace

void add_serve_command(CLI::App& app) {
  auto arguments = std::make_shared<ServeArguments>();
  arguments->engine.create_store = true;
  CLI::App* command = app.add_subcommand("serve",
                                         "Serve the OpenAI-compatible API and the web page until "
                                         "SIGINT or SIGTERM; requests in flight "
                                         "end first. Without API keys (tandem keys) only this "
                                         "machine is served, and may do everything.");
  add_engine_options(*command, arguments->engine);
  add_reranker_option(*command, arguments->engine);
  add_index_option(*command, arguments->engine);
  add_generator_option(*command, arguments->engine);
  add_language_option(*command, arguments->engine.language);
  add_choice<PassageOrder>(
      *command, "--passage-order", arguments->engine.passage_order,
      {{"relevance", PassageOrder::kRelevance}, {"reuse", PassageOrder::kReuse}},
      "Of the passages in a prompt: by 'relevance', or by 'reuse': as in an earlier "
      "prompt where that had the same ones, which saves computing them again")
      ->type_name("ORDER")
      ->default_str("relevance");
  command
      ->add_option("--passage-cache-mb", arguments->engine.passage_cache_mb,
                   "Most of the disk that independently read passages take, so that they are known "
                   "after a restart; 0: none")
      ->check(CLI::Range(0, 1 << 30))
      ->capture_default_str();
  command->add_option("--host", arguments->server.host, "Address to bind")->capture_default_str();
  command->add_option("--port", arguments->server.port, "Port to bind; 0: any free one")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  command->add_option("--workers", arguments->server.worker_threads, "Requests worked on at once")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  command
      ->add_option("--keep-answers", arguments->server.keep_answers,
                   "Answers that are kept in the store's folder, with question, passages and "
                   "prompt, for traces and feedback; the oldest go first; 0: none")
      ->check(CLI::Range(0, 10'000'000))
      ->capture_default_str();
  command
      ->add_option("--queue", arguments->server.max_waiting,
                   "Connections that wait for a worker; those beyond are refused with 429")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  CLI::Option* certificate =
      command->add_option("--tls-certificate", arguments->tls.certificate,
                          "Serve HTTPS with this certificate (PEM, with its chain). When the file "
                          "is renewed the next connection gets the new one");
  CLI::Option* key = command->add_option("--tls-key", arguments->tls.key,
                                         "The key of that certificate (PEM, without a passphrase)");
  certificate->needs(key);
  key->needs(certificate);
  add_choice<Scope>(*command, "--anonymous", arguments->server.anonymous,
                    {{"none", Scope::kNone},
                     {"read", Scope::kRead},
                     {"write", Scope::kWrite},
                     {"admin", Scope::kAdmin}},
                    "What requests without an API key may do: 'none', 'read' (ask and search), "
                    "'write' (also change documents) or 'admin' (also train and change models). By "
                    "default everything, while there is no key and --host is a loopback address, "
                    "and otherwise nothing")
      ->type_name("SCOPE");
  add_choice<LogFormat>(*command, "--log-format", arguments->log_format,
                        {{"text", LogFormat::kText}, {"json", LogFormat::kJson}},
                        "Of the lines on standard error: 'text', or 'json': an object a line, and "
                        "a line for each request")
      ->type_name("FORMAT")
      ->default_str("text");
  command->callback([arguments] { run(*arguments); });
}

}  // namespace tandem
